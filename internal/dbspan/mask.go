// Copyright The otelcol-ociapm Authors
// SPDX-License-Identifier: Apache-2.0

package dbspan // import "github.com/ociapm/otelcol-ociapm/internal/dbspan"

import "strings"

// MaskAttribute returns the value of an attribute without passwords. In an attribute for
// a name or a connection string, a text that cannot be read may be a password.
func MaskAttribute(name, value string, system System) string {
	switch {
	case isPlain(value):
		return value
	case name == AttrUser:
		return MaskUser(value)
	case IsPlace(name):
		return MaskName(value, system)
	}
	masked, _ := MaskSecrets(value)
	return masked
}

// IsPlace reports whether an attribute has the name of a database or its host, or a
// connection string.
func IsPlace(name string) bool {
	switch name {
	case AttrConnectionString, AttrURL, AttrServerAddress, AttrNetPeerName, AttrNamespace, AttrName, AttrInstance, AttrPeerAddress, AttrSockPeerAddr,
		AttrPeerIP, AttrOracleService, AttrOraclePDB, AttrOracleName, AttrOracleInstance, AttrOracleTenant, AttrSearchCluster, AttrRedisIndex:
		return true
	default:
		return false
	}
}

// MaskName returns the value of an attribute for a name or a connection string without
// passwords. A text that cannot be read may be a password.
func MaskName(text string, system System) string {
	if isPlain(text) {
		return text
	}
	if masked, found := MaskSecrets(text); found {
		return masked
	}
	if strings.Contains(text, "?@") || strings.Contains(text, "=?") || strings.Contains(text, "{?}") || strings.HasSuffix(text, "/?") || strings.HasSuffix(text, ":?") {
		return text // masked before
	}
	a, n := readAddress(text, system), readNamespace(text, system)
	if a.Host != "" || a.Namespace != "" || n.Host != "" || n.Namespace != "" || isScheme(text) {
		return text
	}
	if system.Legacy == Oracle.Legacy && misread(text) {
		return text
	}
	return "?"
}

// MaskUser returns the value of an attribute for a user without passwords. Some
// applications send user/password, user:password or a connection string there.
func MaskUser(text string) string {
	if isPlain(text) {
		return text
	}
	if masked, found := MaskSecrets(text); found {
		return masked
	}
	if i := strings.IndexAny(text, "/:"); i > 0 && i+1 < len(text) {
		return text[:i+1] + "?"
	}
	return text
}

// isScheme reports whether a connection string is only a scheme or an alias, such as
// "p6spy:".
func isScheme(text string) bool {
	return isSchemes(strings.TrimRight(text, ":/")) || strings.HasSuffix(text, ":") && isPlain(strings.TrimSuffix(text, ":"))
}

// isSchemes reports whether text consists only of schemes of connection strings.
func isSchemes(text string) bool {
	for part := range strings.SplitSeq(text, ":") {
		if _, known := LookupSystem(part); !known && !wrapsURL(part) && !isDriverType(part) && part != "" {
			return false
		}
	}
	return true
}
