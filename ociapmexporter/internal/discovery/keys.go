// Copyright The otelcol-ociapm Authors
// SPDX-License-Identifier: Apache-2.0

package discovery // import "github.com/ociapm/otelcol-ociapm/ociapmexporter/internal/discovery"

import "slices"

// chooseKey returns which of the keys that OCI lists to use from now on:
//   - a key that was not listed before: it is the successor of the key in use, which may
//     expire at any time,
//   - else the key in use, if it is listed and APM has not rejected it,
//   - else the first key that APM has not rejected,
//   - else the one after the key in use. APM has rejected all keys, so each is tried again.
func (d *Discoverer) chooseKey(keys []string, old *discovered) string {
	var inUse string
	if old != nil {
		inUse = old.key
		added := slices.DeleteFunc(slices.Clone(keys), func(key string) bool { return slices.Contains(old.keys, key) })
		if key, ok := d.firstUsable(added); ok {
			return key
		}
		if key, ok := d.firstUsable([]string{inUse}); ok && slices.Contains(keys, inUse) {
			return key
		}
	}
	if key, ok := d.firstUsable(keys); ok {
		return key
	}
	d.rejectedKeys = nil
	return keys[(slices.Index(keys, inUse)+1)%len(keys)]
}

// firstUsable returns the first of the keys that APM has not rejected.
func (d *Discoverer) firstUsable(keys []string) (string, bool) {
	for _, key := range keys {
		if !slices.Contains(d.rejectedKeys, key) {
			return key, true
		}
	}
	return "", false
}
