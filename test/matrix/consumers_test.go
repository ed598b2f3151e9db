package matrix

import "github.com/kafkamesh/envoy-kafka-mesh/test/driver"

// consumer is a client that reads. Its codecs are those that it can read beside none; of what else a client has, it has its name,
// how it is run, and its note.
type consumer struct {
	client

	groupsOnly bool // whether it has no way to read without a group
	emptyNull  bool // whether it gives null for what is empty
	// needsKafka4 is whether it waits for ever, directly, for brokers before Kafka 4, which have its group's protocol as a preview.
	// Through the mesh it does not.
	needsKafka4 bool
	older       bool // whether it runs with MATRIX=full only
}

func consumers() []consumer {
	return []consumer{
		javaConsumer("4.3.1", modern),
		kip848(javaConsumer("4.3.1", modern)),
		older(javaConsumer("4.0.2", modern)),
		javaConsumer("3.9.2", modern),
		older(javaConsumer("3.5.2", modern)),
		older(javaConsumer("3.0.2", modern)),
		javaConsumer("2.8.2", modern),
		older(javaConsumer("2.4.1", modern)),
		javaConsumer("2.1.1", modern),
		older(javaConsumer("2.0.1", classic)),
		older(javaConsumer("1.1.1", classic)),
		older(javaConsumer("0.11.0.3", classic)),
		pythonConsumer("confluent-kafka", "2.16.1", "python", "librdkafka 2.16.0"),
		needsKafka4(kip848(pythonConsumer("confluent-kafka", "2.16.1", "python", "librdkafka 2.16.0"))),
		{client: client{
			name: "kcat", version: "1.7.1", Program: driver.Kcat("1.7.1", driver.Consume), codecs: modern,
			note: "librdkafka 2.0.2; without a group a process for each topic",
		}},
		{client: client{
			name: "node-rdkafka", version: "3.6.1", Program: driver.Node("node-rdkafka", "3.6.1", driver.Consume),
			codecs: modern, note: "librdkafka 2.16.0",
		}},
		pythonConsumer("kafka-python", "3.0.12", "kafka-python-3.0.12", ""),
		pythonConsumer("kafka-python", "2.0.2", "kafka-python-2.0.2", ""),
		pythonConsumer("aiokafka", "0.14.0", "aiokafka-0.14.0", ""),
		goConsumer("franz-go", "1.22.2"),
		goConsumer("sarama", "1.61.1"),
		kafkaGoConsumer("0.4.51"),
		{groupsOnly: true, client: client{
			name: "kafkajs", version: "2.2.4", Program: driver.Node("kafkajs", "2.2.4", driver.Consume),
			codecs: []string{"gzip"},
		}},
		{groupsOnly: true, client: client{
			name: "platformatic", version: "1.35.0", Program: driver.Node("platformatic", "1.35.0", driver.Consume),
			codecs: classic, note: "zstd with Node.js 22 and newer",
		}},
	}
}

func javaConsumer(version string, codecs []string) consumer {
	return consumer{client: client{name: "java", version: version, codecs: codecs, Program: driver.Java(version, driver.Consume)}}
}

func pythonConsumer(name, version, dir, note string) consumer {
	return consumer{client: client{
		name: name, version: version, Program: driver.Python(name, dir, driver.Consume), codecs: modern, note: note,
	}}
}

func goConsumer(name, version string) consumer {
	return consumer{client: client{name: name, version: version, Program: driver.Go(name, driver.Consume), codecs: modern}}
}

func kafkaGoConsumer(version string) consumer {
	c := goConsumer("kafka-go", version)
	c.emptyNull, c.note = true, "gives null for keys and values that are empty"
	return c
}

// kip848 is a consumer whose group is of the protocol that brokers have since Kafka 4.
func kip848(c consumer) consumer {
	env := c.Env
	c.version += " KIP-848"
	c.Env = func(dir string) []string {
		list := []string{"GROUP_PROTOCOL=consumer"}
		if env != nil {
			list = append(list, env(dir)...)
		}
		return list
	}
	return c
}

func needsKafka4(c consumer) consumer {
	c.needsKafka4 = true
	return c
}

func older(c consumer) consumer {
	c.older = true
	return c
}
