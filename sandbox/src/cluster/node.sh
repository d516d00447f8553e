#!/usr/bin/env bash
# Process 1 of a node's namespaces: mounts, network, then every command of the node, each started again when it ends; on the first node, with
# all that makes a cluster. All of it goes with this process.
# Arguments: name of the node, state directory, containerd's root, checkout, folders of the Kubernetes commands and of etcd.
set -euo pipefail
name=$1 state=$2 containerd=$3 project=$4 kubernetes=$5 etcd=$6

# Whatever the commands write outside their own folders lands in memory: /run, /var/lib, /var/log of the machine stay as they are.
# What is needed from there is bound to short names first.
mount -t tmpfs -o mode=755 sandbox /run
bind() { mkdir -p "$2" && mount --bind "$1" "$2"; }
bind "$state" /run/sandbox/state
bind "$containerd" /run/sandbox/containerd
bind "$project" /run/sandbox/project
bind "$kubernetes" /run/sandbox/kubernetes
bind "$etcd" /run/sandbox/etcd
mount -t tmpfs -o mode=755 sandbox /var/lib
mount -t tmpfs -o mode=755 sandbox /var/log

# The root of each cgroup hierarchy is the node's own group from here on.
while read -r mountpoint type options; do
  umount "$mountpoint"
  if [ "$type" = cgroup2 ]; then mount -t cgroup2 cgroup2 "$mountpoint"; else
    mount -t cgroup -o "${options#rw,}" cgroup "$mountpoint"
  fi
done < <(awk '{ for (i = 7; $i != "-"; i++); if ($(i+1) ~ /^cgroup2?$/) print $5, $(i+1), $(i+3) }' /proc/self/mountinfo)

hostname "$name"
read -r node gateway prefix # Said when eth0 is there.
ip link set lo up
ip address add "$node/$prefix" dev eth0
ip link set eth0 up
ip route add default via "$gateway"
echo 1 >/proc/sys/net/ipv4/ip_forward

cluster=/run/sandbox/state/cluster pki=/run/sandbox/state/cluster/pki home=/run/sandbox/state/cluster/$name
etc=$home/etc logs=/run/sandbox/state/logs/$name held=$home/held
mkdir -p "$logs" "$held" "$home/pids" /run/sandbox/state/logs/pods
export PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin

# keep PART COMMAND...: runs the command for ever, but for the time in which somebody holds it.
keep() {
  local part=$1
  shift
  {
    while :; do
      while [ -e "$held/$part" ]; do sleep 0.1; done
      "$@" >>"$logs/$part.log" 2>&1 </dev/null &
      echo $! >"$home/pids/$part"
      wait $! || echo "ended with exit code $?" >>"$logs/$part.log"
      sleep 0.5
    done
  } &
}

control_plane() {
  keep etcd /run/sandbox/etcd/etcd --data-dir "$cluster/etcd" --unsafe-no-fsync --log-level warn \
    --listen-client-urls http://127.0.0.1:2379 --advertise-client-urls http://127.0.0.1:2379 --listen-peer-urls http://127.0.0.1:2380

  keep kube-apiserver /run/sandbox/kubernetes/kube-apiserver --etcd-servers http://127.0.0.1:2379 --advertise-address "$node" \
    --client-ca-file "$pki/ca.crt" --tls-cert-file "$pki/apiserver.crt" --tls-private-key-file "$pki/apiserver.key" \
    --authorization-mode Node,RBAC --enable-admission-plugins NodeRestriction --allow-privileged \
    --service-cluster-ip-range "$SERVICES" --service-account-issuer https://kubernetes.default.svc.cluster.local \
    --service-account-key-file "$pki/service-account.pub" --service-account-signing-key-file "$pki/service-account.key" \
    --kubelet-client-certificate "$pki/apiserver-kubelet-client.crt" --kubelet-client-key "$pki/apiserver-kubelet-client.key" \
    --kubelet-certificate-authority "$pki/ca.crt" --kubelet-preferred-address-types InternalIP --event-ttl 6h

  keep kube-controller-manager /run/sandbox/kubernetes/kube-controller-manager --kubeconfig "$pki/controller-manager.kubeconfig" \
    --leader-elect=false --use-service-account-credentials --service-account-private-key-file "$pki/service-account.key" \
    --root-ca-file "$pki/ca.crt" --cluster-signing-cert-file "$pki/ca.crt" --cluster-signing-key-file "$pki/ca.key" \
    --bind-address 127.0.0.1

  keep kube-scheduler /run/sandbox/kubernetes/kube-scheduler --kubeconfig "$pki/scheduler.kubeconfig" --leader-elect=false \
    --bind-address 127.0.0.1
}
if [ "$name" = sandbox ]; then control_plane; fi

# Images outlive the cluster, containers do not: those of the last run are removed before anything looks at them.
if [ -n "$(ls -A /run/sandbox/containerd/io.containerd.runtime.v2.task/k8s.io 2>/dev/null)" ]; then
  containerd --config "$etc/containerd-cleaning.toml" >>"$logs/containerd-cleaning.log" 2>&1 &
  cleaning=$!
  until ctr version >/dev/null 2>&1; do sleep 0.1; done
  ctr -n k8s.io containers list -q | xargs -r ctr -n k8s.io containers remove >>"$logs/containerd-cleaning.log" 2>&1 || true
  kill "$cleaning"
  wait "$cleaning" || true
  rm -rf /run/sandbox/containerd/io.containerd.runtime.v2.task/k8s.io /run/sandbox/containerd/io.containerd.grpc.v1.cri/{containers,sandboxes}
fi
keep containerd containerd --config "$etc/containerd.toml"
until ctr version >/dev/null 2>&1; do sleep 0.1; done

# The kubelet gives up on an API server that is not there yet only after a while; waiting here saves that time.
until (echo >"/dev/tcp/$API_SERVER/6443") 2>/dev/null; do sleep 0.1; done
keep kubelet /run/sandbox/kubernetes/kubelet --config "$etc/kubelet.yaml" --kubeconfig "$pki/kubelet-$name.kubeconfig" \
  --hostname-override "$name" --node-ip "$node" --root-dir "$home/kubelet"
keep kube-proxy /run/sandbox/kubernetes/kube-proxy --config "$etc/kube-proxy.yaml"
if [ "$name" = sandbox ]; then
  keep dns /run/sandbox/project/node_modules/.bin/node /run/sandbox/project/sandbox/src/names/main.ts
  keep volume-provisioner /run/sandbox/project/node_modules/.bin/node /run/sandbox/project/sandbox/src/cluster/volumes/main.ts
fi

# Bash reaps what the containers' shims leave behind.
wait
