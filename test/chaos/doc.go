// Package chaos puts a load that is verified under faults: real producers, real Envoys and real Kafka, whose brokers are killed,
// paused and moved and whose connections are cut, slowed and held.
//
// Each trial is one fault. Producers of several libraries write numbered records to topics of two clusters through the mesh, and
// others of the same kinds beside them straight to the same brokers; the fault begins, young producers start in the middle of it,
// and it ends. When every producer has been acknowledged again, all stop, every partition is read from the brokers, and
// [github.com/kafkamesh/envoy-kafka-mesh/test/ledger] compares what was told with what is stored. What an idempotent producer may
// find wrong is nothing; another may find wrong what it would find without the mesh.
//
// Groups of two members each, of several libraries, read the topics of both clusters through the mesh, and others one topic straight
// from its brokers. They commit what they were given before they ask for more. In the end each group has been given everything that is
// stored, as it is stored, and of the offsets that were ever committed none is less than the one before: that is read from the log that
// the clusters keep of them. How much was given again, how many rebalances there were and how long nothing was given is counted
// from the fault on, through the mesh and beside it.
//
// The mesh knows a third cluster that answers no batch, for the hostile clients of "memory exhausted", and has limits that they reach.
//
// # Running it
//
// CHAOS_FAULTS names the faults, with commas between, or is "all" or "mix"; CHAOS_SEED is where all randomness comes from, and is
// printed; CHAOS_TIME is how long a mix goes on; every four minutes of it have a new load and the next seed. The table of a run is printed and
// written to build/out/chaos.md. CHAOS_TRACE names a file for what librdkafka's idempotent producers log of their batches and epochs.
//
// # Clients
//
// The programs in clients/ are told what to do by lines of their input, and tell what becomes of it by lines of their output:
//
//	start NAME BOOTSTRAP TOPIC PARTITIONS ACKS IDEMPOTENT COUNT    make a producer and have it ask for the topic
//	go NAME                                                        have it send: COUNT records to each partition, or until stopped
//	stop NAME                                                      have it send no more and wait for what is open
//
//	join NAME BOOTSTRAP GROUP TOPICS                               make a member of a group, with commas between the topics
//	leave NAME                                                     have it leave
//
//	R NAME                              it is ready
//	S NAME RECORDS                      so many have been sent by now
//	A NAME PARTITION NUMBER OFFSET      acknowledged; the offset is -1 if it was not told
//	E NAME PARTITION NUMBER REASON      not acknowledged
//	D NAME PARTITION RECORDS            so many are sent, or are about to be: what is stored before it is told to be sent is nobody's
//	B NAME PARTITIONS                   it was told which partitions are its own
//	G NAME TOPIC PARTITION OFFSET SUM…  it was given records that lie side by side; SUM is a CRC-32
//	C NAME TOPIC PARTITION OFFSET       it was told that this is committed
//	V NAME REASON                       a commit or a read failed
//	F NAME                              it has ended
//	X TEXT                              something is wrong with the program
//
// A record holds the name, the partition and the number, and 500 times the letter that the number gives.
package chaos
