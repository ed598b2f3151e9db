// Package stack starts the real parts that tests and the demo need: Envoy with our module, Apache Kafka, embedded Kafka
// clusters, and the plain kafkamesh binary.
//
// Each part is started by a function that returns an error ([StartKafka], [StartFake], [StartEnvoy], [StartStandalone])
// and waits until the part answers. Beside each stands a wrapper for tests ([Kafka], [Fake], [Envoy], [Standalone]) that
// stops the part when the test ends and shows its log when the test failed. Everything listens on free ports of
// 127.0.0.1 unless it is told a port.
//
// What tests do with these parts besides starting them is here too: topics are made by [Admin], connections are cut by a [Relay], a
// condition is waited for with [Wait], and [Main] ends what a package's tests share.
//
// What is not part of this module (Envoy, Kafka, the clients) lies in .cache/ and is put there by build/install-*.sh. If
// it is missing, a test that needs it is skipped with the command that installs it; under E2E=required it is installed,
// and the test fails if that does not work.
package stack
