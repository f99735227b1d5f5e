// Copyright The otelcol-ociapm Authors
// SPDX-License-Identifier: Apache-2.0

package ociauth

import (
	"errors"
	"fmt"
	"regexp"
	"strings"
	"sync"

	"github.com/oracle/oci-go-sdk/v65/common"
)

// ocidPattern is ocid1.<type>.<realm>.<region>[.<future use>].<unique id>
// (https://docs.oracle.com/iaas/Content/General/Concepts/identifiers.htm).
var ocidPattern = regexp.MustCompile(`^ocid1\.([a-z0-9]+)\.([a-z0-9]+)\.([a-z0-9-]*)(?:\.[a-z0-9_-]*)?\.[a-zA-Z0-9_-]+$`)

// regionLookup guards the SDK's tables of regions. The SDK extends them if the
// environment describes a region that they lack.
var regionLookup sync.Mutex

// RegionOf returns the region of a resource from its OCID, which contains the
// key (fra) or the identifier (eu-frankfurt-1) of the region. kind is the
// required type of resource, such as apmdomain. An error says what is wrong
// with the OCID, without quoting it.
func RegionOf(ocid, kind string) (common.Region, error) {
	form := "ocid1." + kind + ".<realm>.<region>.<unique id>"
	switch {
	case ocid == "":
		return "", errors.New("it is empty; write the OCID, " + form)
	case strings.ContainsAny(ocid, "<>"):
		return "", errors.New("it still has a <placeholder> in it; write the OCID, " + form)
	}
	parts := ocidPattern.FindStringSubmatch(ocid)
	switch {
	case parts == nil:
		return "", errors.New("it is not an OCID; write " + form)
	case parts[1] != kind:
		return "", fmt.Errorf("it is the OCID of another kind of resource (%s); write %s", parts[1], form)
	}

	regionLookup.Lock()
	defer regionLookup.Unlock()
	region := common.StringToRegion(parts[3])
	realm, err := region.RealmID()
	switch {
	case err == nil && realm != parts[2]:
		return "", fmt.Errorf("its region %s is in realm %s, not in %s; copy the OCID again", region, realm, parts[2])
	case err == nil:
		return region, nil
	case strings.Contains(parts[3], "-") && parts[2] == "oc1":
		// The region is newer than the SDK. All hosts of the commercial realm
		// are named alike.
		return region, nil
	}
	return "", fmt.Errorf("its region %q is not one that this version knows; copy the OCID again, or describe a new region in the environment variable OCI_REGION_METADATA (https://docs.oracle.com/iaas/Content/API/Concepts/sdk_adding_new_region_endpoints.htm)", parts[3])
}
