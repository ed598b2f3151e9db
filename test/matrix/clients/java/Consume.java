import java.lang.reflect.InvocationTargetException;
import java.lang.reflect.Method;
import java.nio.charset.StandardCharsets;
import java.time.Duration;
import java.util.ArrayList;
import java.util.List;
import java.util.Properties;
import java.util.concurrent.TimeoutException;
import java.util.zip.CRC32;
import org.apache.kafka.clients.consumer.ConsumerRecord;
import org.apache.kafka.clients.consumer.KafkaConsumer;
import org.apache.kafka.common.TopicPartition;
import org.apache.kafka.common.serialization.ByteArrayDeserializer;

/**
 * The client matrix's consumer for Java: see test/matrix/doc.go. One source for all versions of kafka-clients. GROUP_PROTOCOL
 * may name the protocol of groups.
 */
public final class Consume {
  private static final long LIMIT_MS = 60_000;
  private static final int PARTITIONS = 2;

  private Consume() {}

  public static void main(String[] args) {
    for (int job = 0; job < args.length - 1; job++) {
      long start = System.nanoTime();
      String error = "";
      try {
        run(args[0], job, args[1 + job].split("/"), start);
      } catch (Exception e) {
        Throwable cause = e instanceof InvocationTargetException ? e.getCause() : e;
        error = cause.getClass().getSimpleName() + ": " + cause.getMessage();
      }
      System.out.printf("{\"job\":%d,\"ms\":%d,\"error\":%s}%n", job, passed(start), quote(error));
    }
    System.exit(0); // a client that is closed may wait for its answers
  }

  private static void run(String bootstrap, int job, String[] what, long start) throws Exception {
    boolean assigned = what[0].equals("assign");
    List<String> topics = List.of(what[2].split(","));
    int count = Integer.parseInt(what[3]);
    try (KafkaConsumer<byte[], byte[]> consumer =
        new KafkaConsumer<>(
            properties(bootstrap, assigned, what[1]), new ByteArrayDeserializer(), new ByteArrayDeserializer())) {
      if (assigned) {
        consumer.assign(partitions(topics));
        partitions(topics).forEach(partition -> consumer.seek(partition, 0));
      } else {
        consumer.subscribe(topics);
      }
      for (int seen = 0; seen < count; ) {
        if (passed(start) > LIMIT_MS) {
          throw new TimeoutException(seen + " of " + count + " records");
        }
        for (ConsumerRecord<?, ?> record : poll(consumer)) {
          print(job, record);
          seen++;
        }
      }
      if (!assigned) {
        consumer.commitSync();
      }
    }
  }

  private static Properties properties(String bootstrap, boolean assigned, String group) {
    Properties p = new Properties();
    p.put("bootstrap.servers", bootstrap);
    p.put("auto.offset.reset", "earliest");
    if (assigned) {
      p.put("enable.auto.commit", "false"); // which the older ones would try
      return p;
    }
    p.put("group.id", group);
    if (System.getenv("GROUP_PROTOCOL") != null) {
      p.put("group.protocol", System.getenv("GROUP_PROTOCOL"));
    }
    return p;
  }

  private static List<TopicPartition> partitions(List<String> topics) {
    List<TopicPartition> all = new ArrayList<>();
    for (String topic : topics) {
      for (int partition = 0; partition < PARTITIONS; partition++) {
        all.add(new TopicPartition(topic, partition));
      }
    }
    return all;
  }

  private static Iterable<ConsumerRecord<?, ?>> poll(KafkaConsumer<byte[], byte[]> consumer) throws Exception {
    Object found;
    try {
      Method poll = KafkaConsumer.class.getMethod("poll", Duration.class);
      found = poll.invoke(consumer, Duration.ofSeconds(1));
    } catch (NoSuchMethodException e) { // before 2.0
      found = KafkaConsumer.class.getMethod("poll", long.class).invoke(consumer, 1000L);
    }
    List<ConsumerRecord<?, ?>> records = new ArrayList<>();
    for (Object record : (Iterable<?>) found) {
      records.add((ConsumerRecord<?, ?>) record);
    }
    return records;
  }

  private static void print(int job, ConsumerRecord<?, ?> record) {
    String key = record.key() == null ? "null" : quote(new String((byte[]) record.key(), StandardCharsets.UTF_8));
    String value = "null";
    if (record.value() != null) {
      CRC32 sum = new CRC32();
      sum.update((byte[]) record.value());
      value = String.format("\"%08x\"", sum.getValue());
    }
    System.out.printf("{\"job\":%d,\"topic\":%s,\"partition\":%d,\"offset\":%d,\"key\":%s,\"value\":%s}%n",
        job, quote(record.topic()), record.partition(), record.offset(), key, value);
  }

  private static long passed(long start) {
    return (System.nanoTime() - start) / 1_000_000;
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
}
