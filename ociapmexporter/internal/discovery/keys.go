// Copyright The otelcol-ociapm Authors
// SPDX-License-Identifier: Apache-2.0

package discovery // import "github.com/ociapm/otelcol-ociapm/ociapmexporter/internal/discovery"

import "slices"

// chooseKey returns the key to use from now on, of those that OCI lists. A key that
// was not listed before is the successor of the one in use, which may expire at any
// time: it is taken at once. Otherwise the key in use stays, if it is listed and APM
// has not rejected it; else it is the first that APM has not rejected. Where APM has
// rejected all, they get another turn, beginning with the one after the key in use.
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
