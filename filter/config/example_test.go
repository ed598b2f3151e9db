package config_test

import (
	"fmt"

	"github.com/kafkamesh/envoy-kafka-mesh/filter/config"
)

func ExampleParse() {
	c, err := config.Parse([]byte(`
upstream_clusters:
- cluster_name: fruit
  bootstrap_servers: kafka1:9092,kafka2
  producer_config: {acks: all}
forwarding_rules:
- {target_cluster: fruit, topic_prefix: apples}
`))
	if err != nil {
		fmt.Println(err)
		return
	}
	fruit := c.Clusters[0]
	fmt.Println(fruit.BootstrapServers, fruit.Acks.Override(1), fruit.RequestTimeout)
	// Output: [kafka1:9092 kafka2:9092] -1 30s
}

func ExampleParse_mistakes() {
	_, err := config.Parse([]byte(`
upstream_clusters:
- cluster_name: fruit
  bootstrap_servers: kafka1:70000
forwarding_rules:
- {target_cluster: fruits, topic_prefix: apples}
`))
	fmt.Println(err)
	// Output:
	// line 4, column 3: upstream_clusters[0].bootstrap_servers: "kafka1:70000": "70000" is not a port; write a number from 1 to 65535
	// line 6, column 4: forwarding_rules[0].target_cluster: there is no cluster "fruits"; did you mean fruit?
}
