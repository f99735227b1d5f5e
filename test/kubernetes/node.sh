#!/usr/bin/env bash
# A real Kubernetes node on this machine, in its own namespaces without access to other
# networks, for the tests beside this file. It needs root, Debian and cgroup v1.
#
#   node.sh prepare        build and download its programs; about 6 minutes, once
#   node.sh start          start it, 5 seconds
#   node.sh run CMD...     run a command in the node's network, with its kubectl
#   node.sh stop           stop everything
#   node.sh session CMD... start, run, stop
#
# All files are below K8S_HOME. Kubernetes and etcd are built from their Go modules. The
# container runtime is Debian's, unpacked but not installed.
set -euo pipefail

here=$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)
home=${K8S_HOME:-${XDG_CACHE_HOME:-$HOME/.cache}/otelcol-ociapm/kubernetes}
run=$home/run
root=$home/debian/root
version=v1.34.4
operator=v0.140.0
prometheus=v0.85.0
crds=$home/operator-$operator # the operator's custom resources
prometheus_crds=$home/prometheus-operator-$prometheus
gateway=v1.3.0
gateway_crds=$home/gateway-api-$gateway
address=10.250.0.1
cgroup=otelcol-ociapm-test

log() { printf '%s\n' "$*" >&2; }

fetch_runtime() {
  [[ -e $root/.complete ]] && return
  log "unpacking Debian's container runtime"
  mkdir -p "$home/debian" && cd "$home/debian"
  apt-get update -qq
  apt-get -o APT::Sandbox::User=root download -qq containerd runc containernetworking-plugins iptables libxtables12 libnftnl11 libmnl0 \
    libnfnetlink0 libnetfilter-conntrack3 conntrack nftables libnftables1 libjansson4 libip4tc2 libip6tc2 libseccomp2
  for deb in ./*.deb; do dpkg-deb -x "$deb" root; done
  mkdir -p "$home/sbin"
  for program in usr/bin/containerd usr/bin/containerd-shim-runc-v2 usr/bin/ctr usr/sbin/runc; do
    ln -sf "$root/$program" "$home/sbin/"
  done
  for program in iptables iptables-save iptables-restore ip6tables ip6tables-save ip6tables-restore; do
    wrap "$program" "$root/usr/sbin/xtables-nft-multi $program"
  done
  for program in nft conntrack; do wrap "$program" "$root/usr/sbin/$program"; done
  touch "$root/.complete"
}

# wrap NAME COMMAND: writes a script that runs the unpacked program with its libraries.
wrap() {
  local libraries=$root/usr/lib/x86_64-linux-gnu
  cat >"$home/sbin/$1" <<EOF
#!/bin/sh
XTABLES_LIBDIR=$libraries/xtables LD_LIBRARY_PATH=$libraries:$root/lib/x86_64-linux-gnu exec $2 "\$@"
EOF
  chmod +x "$home/sbin/$1"
}

# Modules that a test needs must be downloaded first: the node cannot reach other networks.
fetch_crds() {
  copy_crds "github.com/open-telemetry/opentelemetry-operator@$operator" config/crd/bases "$crds"
  copy_crds "github.com/prometheus-operator/prometheus-operator@$prometheus" example/prometheus-operator-crd "$prometheus_crds"
  copy_crds "sigs.k8s.io/gateway-api@$gateway" config/crd/standard "$gateway_crds"
}

# copy_crds MODULE FOLDER TARGET
copy_crds() {
  [[ -e $3 ]] && return
  log "fetching the custom resources of $1"
  local module
  module=$(go mod download -json "$1" | sed -n 's/^\t"Dir": "\(.*\)",$/\1/p')
  rm -rf "$3.new"
  cp -r --no-preserve=mode "$module/$2" "$3.new"
  mv "$3.new" "$3"
}

build() {
  export CGO_ENABLED=0 GOFLAGS=-buildvcs=false
  mkdir -p "$home/bin"
  local program flags package
  if [[ ! -x $home/bin/etcd ]]; then
    log "building etcd"
    (cd "$here/node/etcd" && go build -trimpath -ldflags="-s -w" -o "$home/bin/etcd" go.etcd.io/etcd/server/v3)
  fi
  flags="-s -w"
  for package in k8s.io/component-base/version k8s.io/client-go/pkg/version; do
    flags+=" -X $package.gitVersion=$version -X $package.gitMajor=1 -X $package.gitMinor=34 -X $package.gitTreeState=clean"
    flags+=" -X $package.buildDate=2026-01-01T00:00:00Z"
  done
  for program in kube-apiserver kubectl kube-controller-manager kube-scheduler kubelet kube-proxy; do
    [[ -x $home/bin/$program ]] && continue
    log "building $program $version"
    (cd "$here/node/kubernetes" && go build -trimpath -ldflags="$flags" -o "$home/bin/$program" "k8s.io/kubernetes/cmd/$program")
  done
  (cd "$here/tools" && go build -trimpath -o "$home/bin/mkimage" ./mkimage && go build -trimpath -ldflags="-s -w" -o "$home/bin/helm" helm.sh/helm/v4/cmd/helm)
}

# certificate NAME SUBJECT [ALTERNATIVE NAMES]
certificate() {
  openssl req -newkey ec -pkeyopt ec_paramgen_curve:prime256v1 -nodes -keyout "$1.key" -out "$1.csr" -subj "$2" 2>/dev/null
  {
    echo "extendedKeyUsage=serverAuth,clientAuth"
    if [[ -n ${3:-} ]]; then echo "subjectAltName=$3"; fi
  } >"$1.ext"
  openssl x509 -req -in "$1.csr" -CA ca.crt -CAkey ca.key -CAcreateserial -days 30 -out "$1.crt" -extfile "$1.ext" 2>/dev/null
}

write_certificates() {
  mkdir -p "$run/pki" && cd "$run/pki"
  openssl req -x509 -newkey ec -pkeyopt ec_paramgen_curve:prime256v1 -nodes -keyout ca.key -out ca.crt -subj /CN=node-ca -days 30 2>/dev/null
  certificate apiserver /CN=kube-apiserver "IP:127.0.0.1,IP:$address,IP:10.96.0.1,DNS:localhost,DNS:kubernetes,DNS:kubernetes.default,DNS:kubernetes.default.svc,DNS:kubernetes.default.svc.cluster.local"
  certificate admin /O=system:masters/CN=admin
  certificate kubelet /O=system:nodes/CN=system:node:node0 "IP:$address,IP:127.0.0.1,DNS:node0"
  certificate controllers /CN=system:kube-controller-manager
  certificate scheduler /CN=system:kube-scheduler
  certificate proxy /CN=system:kube-proxy
  openssl genrsa -out accounts.key 2048 2>/dev/null
  openssl rsa -in accounts.key -pubout -out accounts.pub 2>/dev/null
  local name
  for name in admin kubelet controllers scheduler proxy; do
    cat >"$run/$name.kubeconfig" <<EOF
{"apiVersion": "v1", "kind": "Config", "current-context": "node",
 "contexts": [{"name": "node", "context": {"cluster": "node", "user": "$name"}}],
 "clusters": [{"name": "node", "cluster": {"server": "https://127.0.0.1:6443", "certificate-authority": "$run/pki/ca.crt"}}],
 "users": [{"name": "$name", "user": {"client-certificate": "$run/pki/$name.crt", "client-key": "$run/pki/$name.key"}}]}
EOF
  done
}

write_configurations() {
  mkdir -p "$run/cni" "$run/log"
  cat >"$run/containerd.toml" <<EOF
version = 2
root = "$run/containerd"
state = "$run/containerd-state"
[grpc]
  address = "$run/containerd.sock"
[plugins."io.containerd.grpc.v1.cri"]
  sandbox_image = "docker.io/library/testapp:dev"
  disable_apparmor = true
  restrict_oom_score_adj = true
  [plugins."io.containerd.grpc.v1.cri".containerd]
    snapshotter = "overlayfs"
    default_runtime_name = "runc"
    [plugins."io.containerd.grpc.v1.cri".containerd.runtimes.runc]
      runtime_type = "io.containerd.runc.v2"
      [plugins."io.containerd.grpc.v1.cri".containerd.runtimes.runc.options]
        BinaryName = "$home/sbin/runc"
        SystemdCgroup = false
  [plugins."io.containerd.grpc.v1.cri".cni]
    bin_dir = "$root/usr/lib/cni"
    conf_dir = "$run/cni"
EOF
  cat >"$run/cni/10-bridge.conflist" <<EOF
{"cniVersion": "0.4.0", "name": "node", "plugins": [
  {"type": "bridge", "bridge": "cni0", "isGateway": true, "isDefaultGateway": true, "ipMasq": false, "hairpinMode": true,
   "ipam": {"type": "host-local", "dataDir": "$run/ipam", "ranges": [[{"subnet": "10.244.0.0/24"}]]}},
  {"type": "portmap", "capabilities": {"portMappings": true}, "snat": true}]}
EOF
  : >"$run/resolv.conf"
  # The kubelet checks for changed Secrets every few seconds instead of every minute.
  cat >"$run/kubelet.yaml" <<EOF
apiVersion: kubelet.config.k8s.io/v1beta1
kind: KubeletConfiguration
address: 0.0.0.0
cgroupDriver: cgroupfs
cgroupRoot: /$cgroup
cgroupsPerQOS: true
enforceNodeAllocatable: [pods]
failCgroupV1: false
failSwapOn: false
containerRuntimeEndpoint: unix://$run/containerd.sock
authentication: {anonymous: {enabled: false}, webhook: {enabled: true}, x509: {clientCAFile: $run/pki/ca.crt}}
authorization: {mode: Webhook}
tlsCertFile: $run/pki/kubelet.crt
tlsPrivateKeyFile: $run/pki/kubelet.key
clusterDNS: [$address]
clusterDomain: cluster.local
resolvConf: $run/resolv.conf
imageGCHighThresholdPercent: 100
imageGCLowThresholdPercent: 99
evictionHard: {memory.available: 100Mi, nodefs.available: 1%, imagefs.available: 1%, nodefs.inodesFree: 1%}
podLogsDir: $run/podlogs
volumePluginDir: $run/volumeplugins
shutdownGracePeriod: 0s
syncFrequency: 5s
nodeStatusUpdateFrequency: 5s
EOF
  cat >"$run/proxy.yaml" <<EOF
apiVersion: kubeproxy.config.k8s.io/v1alpha1
kind: KubeProxyConfiguration
mode: iptables
hostnameOverride: node0
clusterCIDR: 10.244.0.0/16
clientConnection: {kubeconfig: $run/proxy.kubeconfig}
conntrack: {maxPerCore: 0, min: 0, tcpEstablishedTimeout: 0s, tcpCloseWaitTimeout: 0s}
EOF
}

make_cgroups() {
  local controller
  [[ -d /sys/fs/cgroup/memory ]] || { log "the node needs cgroup v1"; exit 1; }
  for controller in cpu cpuacct cpuset memory devices freezer blkio pids systemd; do
    if [[ -d /sys/fs/cgroup/$controller ]]; then mkdir -p "/sys/fs/cgroup/$controller/$cgroup"; fi
  done
  cat /sys/fs/cgroup/cpuset/cpuset.cpus >"/sys/fs/cgroup/cpuset/$cgroup/cpuset.cpus"
  cat /sys/fs/cgroup/cpuset/cpuset.mems >"/sys/fs/cgroup/cpuset/$cgroup/cpuset.mems"
}

remove_cgroups() {
  for _ in 1 2 3 4 5 6 7 8; do
    find /sys/fs/cgroup/*/"$cgroup" -depth -type d -exec rmdir {} \; 2>/dev/null || true
    compgen -G "/sys/fs/cgroup/*/$cgroup" >/dev/null || return 0
    sleep 0.5
  done
  log "cgroups are left: $(compgen -G "/sys/fs/cgroup/*/$cgroup")"
}

# Runs as the first process in the node's namespaces, and starts everything else.
init() {
  export PATH=$home/sbin:$home/bin:/usr/local/sbin:/usr/sbin:/sbin:/usr/local/bin:/usr/bin:/bin HOME=$run
  mount --make-rshared /
  # The kubelet would set sysctls of the whole machine. These files already have the values
  # that it wants and hide the machine's own, which stay unchanged.
  local setting file
  for setting in vm/overcommit_memory=1 vm/panic_on_oom=0 kernel/panic=10 kernel/panic_on_oops=1 kernel/keys/root_maxkeys=1000000 kernel/keys/root_maxbytes=25000000; do
    file=$run/sysctl.$(tr / . <<<"${setting%=*}")
    echo "${setting#*=}" >"$file"
    mount --bind "$file" "/proc/sys/${setting%=*}"
  done
  # Files that pods write to folders of the node disappear with the node.
  mkdir -p "$run/varlib" "$run/varlog"
  mount --bind "$run/varlib" /var/lib
  mount --bind "$run/varlog" /var/log
  printf '127.0.0.1 localhost\n%s node0\n' "$address" >"$run/hosts"
  mount --bind "$run/hosts" /etc/hosts
  mount --bind "$run/resolv.conf" "$(readlink -f /etc/resolv.conf)"
  hostname node0
  ip link set lo up
  ip link add node0 type veth peer name node0p
  ip addr add "$address/24" dev node0
  ip link set node0p up
  ip link set node0 up
  ip route add default dev node0 # leads nowhere
  echo 1 >/proc/sys/net/ipv4/ip_forward
  cd "$run"
  daemon etcd etcd --data-dir "$run/etcd" --listen-client-urls http://127.0.0.1:2379 --advertise-client-urls http://127.0.0.1:2379 \
    --listen-peer-urls http://127.0.0.1:2380 --initial-advertise-peer-urls http://127.0.0.1:2380 --initial-cluster default=http://127.0.0.1:2380 --unsafe-no-fsync
  daemon containerd containerd -c "$run/containerd.toml"
  daemon apiserver kube-apiserver --etcd-servers=http://127.0.0.1:2379 --bind-address=0.0.0.0 --advertise-address="$address" --secure-port=6443 \
    --service-cluster-ip-range=10.96.0.0/16 --authorization-mode=Node,RBAC --client-ca-file=pki/ca.crt --allow-privileged=true \
    --tls-cert-file=pki/apiserver.crt --tls-private-key-file=pki/apiserver.key --cert-dir="$run/pki" \
    --kubelet-client-certificate=pki/admin.crt --kubelet-client-key=pki/admin.key \
    --service-account-issuer=https://kubernetes.default.svc --service-account-key-file=pki/accounts.pub --service-account-signing-key-file=pki/accounts.key \
    --kubelet-preferred-address-types=InternalIP --endpoint-reconciler-type=lease --profiling=false
  until kubectl --kubeconfig admin.kubeconfig get --raw /readyz >/dev/null 2>&1; do sleep 0.3; done
  until ctr -a containerd.sock version >/dev/null 2>&1; do sleep 0.3; done
  daemon controllers kube-controller-manager --kubeconfig=controllers.kubeconfig --authentication-kubeconfig=controllers.kubeconfig \
    --authorization-kubeconfig=controllers.kubeconfig --bind-address=127.0.0.1 --leader-elect=false --use-service-account-credentials=true \
    --service-account-private-key-file=pki/accounts.key --root-ca-file=pki/ca.crt --cluster-signing-cert-file=pki/ca.crt \
    --cluster-signing-key-file=pki/ca.key --cluster-cidr=10.244.0.0/16 --cert-dir="$run/pki"
  daemon scheduler kube-scheduler --kubeconfig=scheduler.kubeconfig --authentication-kubeconfig=scheduler.kubeconfig \
    --authorization-kubeconfig=scheduler.kubeconfig --bind-address=127.0.0.1 --leader-elect=false --cert-dir="$run/pki"
  daemon kubelet kubelet --config=kubelet.yaml --kubeconfig=kubelet.kubeconfig --hostname-override=node0 --node-ip="$address" \
    --root-dir="$run/kubelet" --cert-dir="$run/pki" --v=2
  daemon proxy kube-proxy --config=proxy.yaml
  trap 'exit 0' TERM
  while :; do wait -n 2>/dev/null || sleep 1; done # reaps orphans
}

daemon() {
  local name=$1
  shift
  "$@" >"$run/log/$name.log" 2>&1 &
}

running() { [[ -f $run/init.pid ]] && grep -qs "node.sh" "/proc/$(cat "$run/init.pid")/cmdline"; }

start() {
  running && { log "the node runs already"; exit 1; }
  rm -rf "$run"
  write_certificates
  write_configurations
  make_cgroups
  K8S_HOME=$home setsid nohup unshare --fork --pid --mount --net --uts --ipc --mount-proc --propagation private --kill-child \
    "$here/node.sh" init >"$run/log/init.log" 2>&1 </dev/null &
  local parent=$! child=""
  for _ in $(seq 50); do
    child=$(cat "/proc/$parent/task/$parent/children" 2>/dev/null | awk '{print $1}')
    [[ -n $child ]] && break
    sleep 0.1
  done
  [[ -n $child ]] || { cat "$run/log/init.log" >&2; exit 1; }
  echo "$child" >"$run/init.pid"
  for _ in $(seq 120); do
    if in_node kubectl get node node0 2>/dev/null | grep -qw Ready; then
      log "the node is ready"
      return
    fi
    sleep 0.5
  done
  tail -n 20 "$run"/log/*.log >&2
  log "the node is not ready"
  stop
  exit 1
}

in_node() {
  PATH=$home/sbin:$home/bin:$PATH KUBECONFIG=$run/admin.kubeconfig NODE_RUN=$run OPERATOR_CRDS=$crds GATEWAY_CRDS=$gateway_crds PROMETHEUS_CRDS=$prometheus_crds nsenter --target "$(cat "$run/init.pid")" --net "$@"
}

# When the first process of a pid namespace exits, the kernel kills all others in it.
stop() {
  local pid=""
  if running; then
    pid=$(cat "$run/init.pid")
    kill -9 "$pid"
    for _ in $(seq 50); do [[ -d /proc/$pid ]] && sleep 0.2; done
  fi
  remove_cgroups
  rm -rf "$run"
}

case ${1:-} in
prepare) fetch_runtime && build && fetch_crds ;;
start | stop | init) "$1" ;;
run) shift && in_node "$@" ;;
session)
  shift
  start
  trap stop EXIT
  in_node "$@"
  ;;
*) sed -n '2,10s/^# \{0,1\}//p' "${BASH_SOURCE[0]}" >&2; exit 2 ;;
esac
