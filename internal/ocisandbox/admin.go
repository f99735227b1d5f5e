// Copyright The otelcol-ociapm Authors
// SPDX-License-Identifier: Apache-2.0

package ocisandbox

import "net/http"

// adminHandler answers requests to the proxy that are not for another host.
func (s *Server) adminHandler() http.Handler {
	return http.NotFoundHandler()
}
