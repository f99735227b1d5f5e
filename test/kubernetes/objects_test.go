// Copyright The otelcol-ociapm Authors
// SPDX-License-Identifier: Apache-2.0

//go:build kubernetes

package kubernetes

import (
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
)

// object is a parsed manifest.
type object = map[string]any

// objects parses manifests.
func objects(t *testing.T, manifests string) []object {
	t.Helper()
	decoder := json.NewDecoder(strings.NewReader(command(t, manifests, "kubectl", "create", "--dry-run=client", "--validate=false", "-o", "json", "-f", "-")))
	var all []object
	for {
		var o object
		err := decoder.Decode(&o)
		if errors.Is(err, io.EOF) {
			return all
		}
		require.NoError(t, err)
		if items, ok := o["items"].([]any); ok {
			for _, item := range items {
				all = append(all, item.(object))
			}
			continue
		}
		all = append(all, o)
	}
}

// at returns the value at a path inside an object, or nil.
func at(o object, path ...string) any {
	var value any = o
	for _, key := range path {
		inner, ok := value.(object)
		if !ok {
			return nil
		}
		value = inner[key]
	}
	return value
}

// substance returns objects without the expected differences: kustomize adds a hash of
// the content to a ConfigMap's name, where the chart annotates the pod; Helm adds its
// own labels, does not manage namespaces, and puts the namespace into the names of
// cluster-wide objects.
func substance(t *testing.T, manifests string) map[string]object {
	t.Helper()
	all := map[string]object{}
	hash := regexp.MustCompile(`(otelcol-ociapm-[a-z-]+)-[a-z0-9]{10}"`)
	for _, o := range objects(t, manifests) {
		text, err := json.Marshal(o)
		require.NoError(t, err)
		var plain object
		plainText := strings.ReplaceAll(hash.ReplaceAllString(string(text), `$1"`), `"`+agents+"-"+agents+"-agent", `"`+agents+"-agent")
		require.NoError(t, json.Unmarshal([]byte(plainText), &plain))
		kind := plain["kind"].(string)
		if kind == "Namespace" {
			continue
		}
		delete(plain, "status")
		if labels, ok := at(plain, "metadata", "labels").(object); ok {
			delete(labels, "helm.sh/chart")
			delete(labels, "app.kubernetes.io/version")
			delete(labels, "app.kubernetes.io/managed-by")
			if len(labels) == 0 || kind == "ConfigMap" {
				delete(at(plain, "metadata").(object), "labels")
			}
		}
		if data, ok := plain["data"].(object); ok {
			delete(data, "mine.yaml")
		}
		if meta, ok := at(plain, "spec", "template", "metadata").(object); ok {
			delete(meta, "annotations")
		}
		if spec, ok := at(plain, "spec", "template", "spec").(object); ok {
			claims, _ := at(plain, "spec", "volumeClaimTemplates").([]any)
			for _, claim := range claims {
				delete(at(claim.(object), "metadata").(object), "labels") // a claim gets the StatefulSet's anyway
			}
			sortBy(spec["volumes"], "name")
			for _, c := range containers(spec) {
				delete(c, "imagePullPolicy")
				sortBy(c["volumeMounts"], "mountPath")
				sortBy(c["env"], "name")
			}
		}
		all[fmt.Sprintf("%s %s", kind, at(plain, "metadata", "name"))] = plain
	}
	return all
}

func sortBy(list any, key string) {
	items, _ := list.([]any)
	slices.SortFunc(items, func(a, b any) int {
		return strings.Compare(a.(object)[key].(string), b.(object)[key].(string))
	})
}

// containers returns the containers of a pod, including the init containers.
func containers(podSpec object) []object {
	var all []object
	for _, key := range []string{"initContainers", "containers"} {
		list, _ := podSpec[key].([]any)
		for _, c := range list {
			all = append(all, c.(object))
		}
	}
	return all
}

// environment returns the variables of a container. Variables from other objects get a
// plausible value.
func environment(container object) map[string]string {
	env := map[string]string{}
	list, _ := container["env"].([]any)
	for _, item := range list {
		name := item.(object)["name"].(string)
		value, ok := item.(object)["value"].(string)
		switch {
		case ok:
		case name == "APM_ENDPOINT":
			value = "https://aaaabbbb.apm-agt.eu-frankfurt-1.oci.oraclecloud.com"
		case name == "APM_DOMAIN_ID":
			value = apmDomain
		case name == "KAFKA_BROKERS":
			value = "broker-0:9092,broker-1:9092"
		default:
			value = "some"
		}
		env[name] = value
	}
	return env
}
