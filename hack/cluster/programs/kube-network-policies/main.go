// Command kube-network-policies decides about each new connection of a pod by the cluster's NetworkPolicies: the
// project's own controller, which its own command starts within a cluster alone. The kernel hands it the packets.
package main

import (
	"context"
	"flag"
	"log"
	"os/signal"
	"syscall"

	"k8s.io/client-go/informers"
	"k8s.io/client-go/kubernetes"
	"k8s.io/client-go/tools/clientcmd"
	"sigs.k8s.io/kube-network-policies/pkg/networkpolicy"
)

func main() {
	kubeconfig := flag.String("kubeconfig", "", "how to reach the API server")
	var config networkpolicy.Config
	flag.StringVar(&config.NodeName, "node", "", "the node whose pods are covered")
	flag.IntVar(&config.QueueID, "queue", 0, "number of the queue of packets")
	flag.StringVar(&config.NFTableName, "table", "", "name of its nftables table, where the kernel can queue from one")
	flag.Parse()
	ended, stop := signal.NotifyContext(context.Background(), syscall.SIGINT, syscall.SIGTERM)
	defer stop()
	if err := run(ended, *kubeconfig, config); err != nil {
		log.Fatal(err)
	}
}

func run(ended context.Context, kubeconfig string, config networkpolicy.Config) error {
	access, err := clientcmd.BuildConfigFromFlags("", kubeconfig)
	if err != nil {
		return err
	}
	client, err := kubernetes.NewForConfig(access)
	if err != nil {
		return err
	}
	watched := informers.NewSharedInformerFactory(client, 0)
	policies := watched.Networking().V1().NetworkPolicies()
	core := watched.Core().V1()
	controller, err := networkpolicy.NewController(
		client, policies, core.Namespaces(), core.Pods(), nil, nil, nil, nil, config)
	if err != nil {
		return err
	}
	watched.Start(ended.Done())
	return controller.Run(ended)
}
