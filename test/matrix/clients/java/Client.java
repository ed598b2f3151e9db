import java.nio.charset.StandardCharsets;
import java.util.List;
import java.util.Properties;
import org.apache.kafka.clients.producer.KafkaProducer;
import org.apache.kafka.clients.producer.ProducerRecord;
import org.apache.kafka.common.header.Header;
import org.apache.kafka.common.header.internals.RecordHeader;
import org.apache.kafka.common.serialization.ByteArraySerializer;

/**
 * The client matrix's producer for Java. One source for all versions of kafka-clients, so nothing that is younger than 0.11.
 *
 * <p>Its command line and output are those of all clients: see test/matrix/doc.go. What the records hold is said in
 * test/matrix/content_test.go.
 */
public final class Client {
  private static final int PACE = Integer.parseInt(System.getenv().getOrDefault("PACE_MS", "0"));

  private Client() {}

  public static void main(String[] args) {
    String[] topics = args[1].split(",");
    int count = Integer.parseInt(args[2]);
    for (int setting = 0; setting < args.length - 3; setting++) {
      long start = System.nanoTime();
      try {
        run(args[0], topics, count, setting, args[3 + setting], start);
      } catch (RuntimeException | InterruptedException e) {
        report(setting, "", -1, start, e);
      }
    }
  }

  private static void run(String bootstrap, String[] topics, int count, int setting, String spec, long start)
      throws InterruptedException {
    try (KafkaProducer<byte[], byte[]> producer =
        new KafkaProducer<>(properties(bootstrap, spec), new ByteArraySerializer(), new ByteArraySerializer())) {
      if (spec.endsWith("/tx")) {
        producer.initTransactions();
        producer.beginTransaction();
      }
      for (int i = 0; i < count; i++) {
        int n = setting * 1000 + i;
        String topic = topics[i % topics.length];
        ProducerRecord<byte[], byte[]> record =
            new ProducerRecord<>(topic, null, timestamp(n), key(n), value(topic, n), headers(n));
        producer.send(record, (metadata, error) -> report(setting, topic, n, start, error));
        Thread.sleep(PACE);
      }
    }
  }

  private static Properties properties(String bootstrap, String spec) {
    Properties p = new Properties();
    p.put("bootstrap.servers", bootstrap);
    String[] parts = spec.split("/");
    if (!parts[0].equals("-")) {
      p.put("compression.type", parts[0]);
      p.put("linger.ms", "20");
    }
    if (!parts[1].equals("-")) {
      p.put("acks", parts[1]);
    }
    if (!parts[2].equals("-")) {
      p.put("enable.idempotence", Boolean.toString(!parts[2].equals("off")));
    }
    if (parts.length > 3) {
      logIn(p, parts[3], parts[4]);
    }
    if (parts[2].equals("tx")) {
      p.put("transactional.id", "matrix");
    }
    return p;
  }

  private static void logIn(Properties p, String mechanism, String secret) {
    p.put("security.protocol", "SASL_PLAINTEXT");
    p.put("sasl.mechanism", mechanism);
    String modules = "org.apache.kafka.common.security.";
    String password = " required username=\"mesh\" password=\"" + secret + "\";";
    switch (mechanism) {
      case "PLAIN" -> p.put("sasl.jaas.config", modules + "plain.PlainLoginModule" + password);
      case "OAUTHBEARER" -> {
        p.put("sasl.jaas.config", modules + "oauthbearer.OAuthBearerLoginModule required token=\"" + secret + "\";");
        p.put("sasl.login.callback.handler.class", "Token");
      }
      default -> p.put("sasl.jaas.config", modules + "scram.ScramLoginModule" + password);
    }
  }

  private static void report(int setting, String topic, int number, long start, Exception error) {
    System.out.printf(
        "{\"setting\":%d,\"topic\":\"%s\",\"number\":%d,\"ms\":%d,\"error\":%s}%n",
        setting, topic, number, (System.nanoTime() - start) / 1_000_000, error == null ? "\"\"" : quote(error.toString()));
  }

  private static String quote(String text) {
    StringBuilder out = new StringBuilder("\"");
    for (char c : text.toCharArray()) {
      if (c == '"' || c == '\\') {
        out.append('\\');
      }
      out.append(c < ' ' ? ' ' : c);
    }
    return out.append('"').toString();
  }

  private static long timestamp(int n) {
    return 1_700_000_000_000L + n * 1000L - n % 7 * 5000L;
  }

  private static byte[] key(int n) {
    return switch (n % 13) {
      case 5 -> null;
      case 6 -> new byte[0];
      default -> bytes("key-" + n);
    };
  }

  private static byte[] value(String topic, int n) {
    return switch (n % 13) {
      case 3 -> null;
      case 4 -> new byte[0];
      default -> {
        StringBuilder text = new StringBuilder(topic + "|" + n + "|");
        for (int j = 0; j < 100 + n * 7919 % 500; j++) {
          text.append((char) ('a' + (n + j) % 26));
        }
        yield bytes(text.toString());
      }
    };
  }

  private static List<Header> headers(int n) {
    return List.of(
        new RecordHeader("number", bytes(Integer.toString(n))),
        new RecordHeader("twice", bytes("first")),
        new RecordHeader("twice", bytes("second")),
        new RecordHeader("", bytes("no name")),
        new RecordHeader("empty", new byte[0]),
        new RecordHeader("null", (byte[]) null));
  }

  private static byte[] bytes(String text) {
    return text.getBytes(StandardCharsets.UTF_8);
  }
}
