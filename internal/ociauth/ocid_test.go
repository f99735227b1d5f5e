// Copyright The otelcol-ociapm Authors
// SPDX-License-Identifier: Apache-2.0

package ociauth

import (
	"testing"

	"github.com/oracle/oci-go-sdk/v65/common"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

func TestRegionOf(t *testing.T) {
	tests := []struct {
		name, ocid string
		want       common.Region
		wantErr    string
	}{
		{name: "key of a region", ocid: "ocid1.apmdomain.oc1.fra.amaaaaaaexample", want: "eu-frankfurt-1"},
		{name: "identifier of a region", ocid: "ocid1.apmdomain.oc1.us-ashburn-1.amaaaaaaexample", want: "us-ashburn-1"},
		{name: "another realm", ocid: "ocid1.apmdomain.oc19.eu-frankfurt-2.amaaaaaaexample", want: "eu-frankfurt-2"},
		{name: "a region newer than the SDK", ocid: "ocid1.apmdomain.oc1.eu-newtown-7.amaaaaaaexample", want: "eu-newtown-7"},
		{name: "empty", wantErr: "it is empty; write the OCID, ocid1.apmdomain.<realm>.<region>.<unique id>"},
		{name: "placeholder", ocid: "ocid1.apmdomain.oc1.<region>.x", wantErr: "it still has a <placeholder> in it"},
		{name: "no OCID", ocid: "my-domain", wantErr: "it is not an OCID; write ocid1.apmdomain."},
		{name: "line end inside", ocid: "ocid1.apmdomain.oc1.fra.aaaa\nbbbb", wantErr: "it is not an OCID"},
		{name: "another resource", ocid: "ocid1.compartment.oc1..amaaaaaaexample", wantErr: "it is the OCID of another kind of resource (compartment); write ocid1.apmdomain."},
		{name: "another resource in a region", ocid: "ocid1.instance.oc1.fra.amaaaaaaexample", wantErr: "it is the OCID of another kind of resource (instance); write ocid1.apmdomain."},
		{name: "unknown key", ocid: "ocid1.apmdomain.oc1.zzz.amaaaaaaexample", wantErr: `its region "zzz" is not one that this version knows`},
		{name: "unknown region of another realm", ocid: "ocid1.apmdomain.oc77.xx-newtown-7.amaaaaaaexample", wantErr: "OCI_REGION_METADATA"},
		{name: "realm and region disagree", ocid: "ocid1.apmdomain.oc2.fra.amaaaaaaexample", wantErr: "its region eu-frankfurt-1 is in realm oc1, not in oc2"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			got, err := RegionOf(tt.ocid, "apmdomain")
			if tt.wantErr != "" {
				require.ErrorContains(t, err, tt.wantErr)
				return
			}
			require.NoError(t, err)
			assert.Equal(t, tt.want, got)
		})
	}
}
