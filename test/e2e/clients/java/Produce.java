import java.nio.charset.StandardCharsets;
import java.util.List;
import java.util.Properties;
import java.util.concurrent.atomic.AtomicInteger;
import org.apache.kafka.clients.producer.KafkaProducer;
import org.apache.kafka.clients.producer.ProducerConfig;
import org.apache.kafka.clients.producer.ProducerRecord;
import org.apache.kafka.common.header.Header;
import org.apache.kafka.common.header.internals.RecordHeader;
import org.apache.kafka.common.serialization.ByteArraySerializer;

/**
 * Sends the records of the end-to-end tests with a producer that has every setting at its default.
 *
 * <p>Produce BOOTSTRAP CLIENT COUNT TOPIC,TOPIC,… prints a line "FAILED topic number: reason" for each record that was not
 * taken, and "DONE stored=n failed=n" at the end. What the records hold is said in test/e2e/content_test.go.
 */
public final class Produce {
  private static final AtomicInteger stored = new AtomicInteger();
  private static final AtomicInteger failed = new AtomicInteger();

  private Produce() {}

  public static void main(String[] args) {
    String client = args[1];
    int count = Integer.parseInt(args[2]);
    String[] topics = args[3].split(",");
    Properties settings = new Properties();
    settings.put(ProducerConfig.BOOTSTRAP_SERVERS_CONFIG, args[0]);
    try (KafkaProducer<byte[], byte[]> producer =
        new KafkaProducer<>(settings, new ByteArraySerializer(), new ByteArraySerializer())) {
      for (int i = 0; i < count; i++) {
        send(producer, client, topics[i % topics.length], i);
      }
    }
    System.out.printf("DONE stored=%d failed=%d%n", stored.get(), failed.get());
  }

  private static void send(KafkaProducer<byte[], byte[]> producer, String client, String topic, int i) {
    ProducerRecord<byte[], byte[]> record =
        new ProducerRecord<>(topic, null, timestamp(i), key(i), value(client, topic, i), headers(client, i));
    producer.send(
        record,
        (metadata, error) -> {
          if (error == null) {
            stored.incrementAndGet();
            return;
          }
          failed.incrementAndGet();
          System.out.printf("FAILED %s %d: %s%n", topic, i, error);
        });
  }

  private static long timestamp(int i) {
    return 1_700_000_000_000L + i * 1000L - i % 7 * 5000L;
  }

  private static byte[] key(int i) {
    return switch (i % 13) {
      case 5 -> null;
      case 6 -> new byte[0];
      default -> bytes("key-" + i % 97);
    };
  }

  private static byte[] value(String client, String topic, int i) {
    return switch (i % 17) {
      case 3 -> null;
      case 4 -> new byte[0];
      default -> {
        StringBuilder text = new StringBuilder(client + "|" + topic + "|" + i + "|");
        for (int j = 0; j < i * 7919 % 600; j++) {
          text.append((char) ('a' + (i + j) % 26));
        }
        yield bytes(text.toString());
      }
    };
  }

  private static List<Header> headers(String client, int i) {
    return List.of(
        new RecordHeader("client", bytes(client)),
        new RecordHeader("number", bytes(Integer.toString(i))),
        new RecordHeader("", bytes("no name")),
        new RecordHeader("empty", new byte[0]),
        new RecordHeader("null", null),
        new RecordHeader("client", bytes("twice")));
  }

  private static byte[] bytes(String text) {
    return text.getBytes(StandardCharsets.UTF_8);
  }
}
