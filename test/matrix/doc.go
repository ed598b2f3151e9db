// Package matrix has every client that we know of send through Envoy with our module, in every setting that matters,
// and compares what a broker has stored with what was sent; and has it read, and compares what it read with what is stored.
//
// Each client is a small program in clients/, installed by build/install-clients.sh. They all have one command line,
//
//	PROGRAM BOOTSTRAP TOPIC,TOPIC COUNT SETTING...
//
// where a setting is CODEC/ACKS/IDEMPOTENCE, each of them "-" where the client's default counts: "lz4/all/off", "-/-/-".
// The programs for java, confluent-kafka and franz-go take "tx" too, for a transactional producer. CODEC/ACKS/IDEMPOTENCE/MECHANISM/SECRET
// has a client log in as mesh (test/secure does so), and give up early where it has a setting for that; a SECRET is a password or a token.
// For each setting a program makes a producer and sends COUNT records, to the topics in turns; record i of setting s has
// the number 1000s+i, from which all that is in it follows (see content_test.go). Where PACE_MS is set it waits that long
// after each record. For each record it prints, when it knows what became of it,
//
//	{"setting":0,"topic":"apples","number":17,"ms":12,"error":""}
//
// with the milliseconds since its producer was made and an error if it failed; number -1 is an error of the whole run.
// The settings are no JSON because Java has no parser for it.
//
// What clients do besides producing is in programs beside those, called ask. They take
//
//	PROGRAM BOOTSTRAP QUESTION=TOPIC...
//
// and print for each question {"question":"topic=apples","answer":"2 partitions","ms":3,"error":""}. The questions are topics
// (all of them), topic, send, reconnect, create, cluster and consume. Clients are told to give up after 5 seconds.
//
// Consumers are in programs beside those, called consume. They take
//
//	PROGRAM BOOTSTRAP MODE/GROUP/TOPIC,TOPIC/COUNT...
//
// and do such jobs one after the other. In mode group one subscribes to the topics, reads COUNT records, commits and leaves; in mode
// assign it reads the topics' partitions from their beginning without a group. They have their defaults, but that they begin with
// the earliest record, and that those which end after their last poll only have shorter polls. For each record they print
//
//	{"job":0,"topic":"apples","partition":1,"offset":17,"key":"key-35","value":"0a1b2c3d"}
//
// with the checksum (CRC-32) of the value, and at the end of each job {"job":0,"ms":12,"error":""}.
//
// Programs that only send lines, such as log daemons, are in agents_test.go.
//
// What a test here runs:
//
//   - without MATRIX: each client with its defaults through the mesh, and to a topic without a rule. It is what `make test`
//     does: all clients, because a release of the mesh breaks one client and not one setting of all. Most questions, of Java to
//     the newest and the oldest. Each agent. Each consumer with topics of two clusters, of two versions of Kafka, in one
//     subscription.
//   - MATRIX=full: every setting of each client through the mesh, and directly to Kafka, as the oracle; a topic without a
//     rule; a connection upstream that breaks. Each question directly too. Each consumer directly and with topics of one
//     cluster too, and more versions of Java's. `make matrix` does it.
//
// MATRIX_KAFKA names another version of Kafka than stack.KafkaVersion. After a full run that found no fault, -update
// writes its part of docs/clients.md.
//
// To add a client, add a program to clients/, its installation to build/install-clients.sh and a row to clients_test.go,
// or to consumers_test.go if it reads.
package matrix
