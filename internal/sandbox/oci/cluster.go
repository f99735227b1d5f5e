// Copyright The otelcol-ociapm Authors
// SPDX-License-Identifier: Apache-2.0

package oci

import (
	"context"
	"crypto/rand"
	"crypto/tls"
	"encoding/base64"
	"encoding/json"
	"errors"
	"fmt"
	"net"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"time"

	"github.com/golang-jwt/jwt/v5"
)

const (
	// proxymuxPort and proxymuxPath are fixed in oci-go-sdk.
	proxymuxPort = "12250"
	proxymuxPath = "/resourcePrincipalSessionTokens"
	// serviceAccountIssuer is the issuer in the tokens of a cluster.
	serviceAccountIssuer = "https://kubernetes.default.svc.cluster.local"
	// serviceAccountLifetime is the default lifetime of the tokens that a
	// kubelet projects.
	serviceAccountLifetime = time.Hour
	// maxAddresses limits the search for a free loopback address.
	maxAddresses = 50
)

// cluster is the part of a Kubernetes cluster (OKE) that a pod's identity
// needs.
type cluster struct {
	id      string
	address string
	issuer  *issuer // issues the tokens of service accounts
	http    *http.Server
}

// Cluster holds what a pod needs to reach its cluster.
type Cluster struct {
	// TokenFile holds the token of the pod's service account. Kubernetes mounts
	// it at /var/run/secrets/kubernetes.io/serviceaccount/token, where
	// oci-go-sdk looks for it.
	TokenFile string
	// CAFile holds the certificate of the cluster's authority.
	CAFile string
	// Environment contains additional variables for the pod, on top of
	// [Server.Environment].
	Environment []string
}

// StartCluster serves the requests of oci-go-sdk for the token of a pod, until
// Close. Since the port is fixed, it uses its own loopback address. It
// writes the token of a service account and the certificate of the cluster into
// dir.
func (s *Server) StartCluster(ctx context.Context, dir string) (Cluster, error) {
	ca, err := newAuthority("kubernetes", nil)
	if err != nil {
		return Cluster{}, err
	}
	accounts, err := newIssuer()
	if err != nil {
		return Cluster{}, err
	}
	listener, err := listenProxymux(ctx)
	if err != nil {
		return Cluster{}, err
	}
	host, _, err := net.SplitHostPort(listener.Addr().String())
	if err != nil {
		return Cluster{}, errors.Join(err, listener.Close())
	}
	c := &cluster{id: newOCID("cluster", s.config.Region), address: host, issuer: accounts}
	c.http = s.newHTTPServer(s.handlerOf([]route{{
		service: ServiceProxymux, operation: OperationWorkloadToken, pattern: "POST " + proxymuxPath,
		handle: func(call *call) (any, *failure) { return s.exchangeServiceAccount(c, call) },
	}}))
	files := Cluster{
		TokenFile: filepath.Join(dir, "token"), CAFile: filepath.Join(dir, "ca.crt"),
		Environment: []string{
			"OCI_RESOURCE_PRINCIPAL_VERSION=2.2",
			"OCI_RESOURCE_PRINCIPAL_REGION=" + s.config.Region,
			"KUBERNETES_SERVICE_HOST=" + host,
			"OCI_KUBERNETES_SERVICE_ACCOUNT_CERT_PATH=" + filepath.Join(dir, "ca.crt"),
		},
	}
	token, err := c.serviceAccountToken(s.now())
	if err == nil {
		err = writeFiles(map[string][]byte{files.TokenFile: []byte(token), files.CAFile: ca.pem()})
	}
	if err != nil {
		return Cluster{}, errors.Join(err, listener.Close())
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.closed {
		return Cluster{}, errors.Join(errors.New("the sandbox is closed"), listener.Close())
	}
	s.clusters = append(s.clusters, c)
	s.serve(c.http, tls.NewListener(listener, ca.serverConfig(host)))
	return files, nil
}

// listenProxymux listens on the fixed port of a free loopback address, since
// several sandboxes may run on one machine.
func listenProxymux(ctx context.Context) (net.Listener, error) {
	var config net.ListenConfig
	for range maxAddresses {
		random := make([]byte, 2)
		_, _ = rand.Read(random) // never fails, according to crypto/rand
		// Odd, so that it is not the address of a network.
		host := net.IPv4(127, 12, random[0], random[1]|1).String()
		listener, err := config.Listen(ctx, "tcp", net.JoinHostPort(host, proxymuxPort))
		if err == nil {
			return listener, nil
		}
		if !errors.Is(err, syscall.EADDRINUSE) {
			return nil, fmt.Errorf("listen: %w", err)
		}
	}
	return nil, fmt.Errorf("port %s is in use on all of %d loopback addresses", proxymuxPort, maxAddresses)
}

// serviceAccountToken returns a token such as a kubelet projects into a pod.
func (c *cluster) serviceAccountToken(now time.Time) (string, error) {
	token := jwt.NewWithClaims(jwt.SigningMethodRS256, jwt.MapClaims{
		"iss": serviceAccountIssuer, "aud": []string{serviceAccountIssuer},
		"sub": "system:serviceaccount:observability:otelcol-ociapm", "jti": rand.Text(),
		"iat": now.Unix(), "nbf": now.Unix(), "exp": now.Add(serviceAccountLifetime).Unix(),
	})
	signed, err := token.SignedString(c.issuer.key)
	if err != nil {
		return "", fmt.Errorf("sign a token: %w", err)
	}
	return signed, nil
}

// exchangeServiceAccount issues a token for the key that a pod has generated.
// The answer has the format that oci-go-sdk decodes: a JSON string with base64
// of an object.
func (s *Server) exchangeServiceAccount(c *cluster, call *call) (any, *failure) {
	token, ok := strings.CutPrefix(call.r.Header.Get("Authorization"), "Bearer ")
	if !ok {
		return nil, unauthenticated(ReasonNotSigned, "no service account's token")
	}
	claims := jwt.MapClaims{}
	_, err := jwt.ParseWithClaims(token, claims, func(*jwt.Token) (any, error) { return c.issuer.key.Public(), nil },
		jwt.WithValidMethods([]string{jwt.SigningMethodRS256.Alg()}), jwt.WithIssuer(serviceAccountIssuer),
		jwt.WithExpirationRequired(), jwt.WithTimeFunc(s.now))
	if err != nil {
		reason := ReasonToken
		if errors.Is(err, jwt.ErrTokenExpired) {
			reason = ReasonTokenExpired
		}
		return nil, unauthenticated(reason, "the service account's token is not valid")
	}
	var request struct {
		PodKey string `json:"podKey"`
	}
	if err = json.Unmarshal(call.body, &request); err != nil {
		return nil, invalidParameter("The body is not JSON.")
	}
	public, err := parsePublicKey(withoutPEM(request.PodKey))
	if err != nil {
		return nil, invalidParameter("podKey: " + err.Error())
	}
	account, _ := claims["sub"].(string)
	call.principal = Principal{Type: PrincipalWorkload, ID: c.id + "/" + account, Tenancy: s.tenancy}
	security, err := s.issueToken(call.principal, public, map[string]any{
		"ttype": "res_sp", "res_type": "workload", "res_id": c.id, "res_tenant": s.tenancy, "res_compartment": s.instance.compartment,
	})
	if err != nil {
		return nil, s.internal(err)
	}
	encoded, err := json.Marshal(map[string]string{"token": tokenPrefix + security})
	if err != nil {
		return nil, s.internal(err)
	}
	return text(`"` + base64.StdEncoding.EncodeToString(encoded) + `"`), nil
}

// withoutPEM returns the base64 inside a PEM block.
func withoutPEM(text string) string {
	var inside strings.Builder
	for line := range strings.Lines(text) {
		if !strings.HasPrefix(line, "-----") {
			inside.WriteString(strings.TrimSpace(line))
		}
	}
	return inside.String()
}

// writeFiles writes secrets with access for their owner only.
func writeFiles(files map[string][]byte) error {
	for path, content := range files {
		if err := os.WriteFile(path, content, 0o600); err != nil {
			return fmt.Errorf("write credentials: %w", err)
		}
	}
	return nil
}
