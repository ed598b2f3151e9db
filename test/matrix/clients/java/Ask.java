import java.lang.reflect.InvocationTargetException;
import java.util.Map;
import java.util.Properties;
import java.util.Set;
import java.util.TreeSet;
import java.util.concurrent.ExecutionException;
import java.util.concurrent.Future;
import org.apache.kafka.clients.admin.AdminClient;
import org.apache.kafka.clients.admin.NewTopic;
import org.apache.kafka.clients.admin.TopicDescription;
import org.apache.kafka.clients.consumer.KafkaConsumer;
import org.apache.kafka.clients.producer.KafkaProducer;
import org.apache.kafka.clients.producer.ProducerRecord;
import org.apache.kafka.common.serialization.ByteArrayDeserializer;
import org.apache.kafka.common.serialization.ByteArraySerializer;

/**
 * What Java's clients do besides producing, for the client matrix: see test/matrix/doc.go. One source for all versions of
 * kafka-clients; what they call by other names is called by reflection.
 */
public final class Ask {
  private Ask() {}

  public static void main(String[] args) {
    for (int i = 1; i < args.length; i++) {
      String[] question = args[i].split("=", 2);
      long start = System.nanoTime();
      String answer = "";
      String error = "";
      try {
        answer = ask(args[0], question[0], question[1]);
      } catch (Exception e) {
        Throwable cause = e;
        while ((cause instanceof ExecutionException || cause instanceof InvocationTargetException) && cause.getCause() != null) {
          cause = cause.getCause();
        }
        error = cause.getClass().getSimpleName() + ": " + cause.getMessage();
      }
      System.out.printf("{\"question\":%s,\"answer\":%s,\"ms\":%d,\"error\":%s}%n",
          quote(args[i]), quote(answer), (System.nanoTime() - start) / 1_000_000, quote(error));
    }
    System.exit(0); // a client that is closed may wait for its answers
  }

  private static String ask(String bootstrap, String question, String topic) throws Exception {
    switch (question) {
      case "send":
        try (KafkaProducer<byte[], byte[]> producer =
            new KafkaProducer<>(properties(bootstrap, topic), new ByteArraySerializer(), new ByteArraySerializer())) {
          producer.send(new ProducerRecord<>(topic, new byte[] {'x'})).get();
          return "stored";
        }
      case "consume":
        try (KafkaConsumer<byte[], byte[]> consumer =
            new KafkaConsumer<>(properties(bootstrap, topic), new ByteArrayDeserializer(), new ByteArrayDeserializer())) {
          consumer.subscribe(Set.of(topic));
          return poll(consumer) + " records";
        }
      case "reconnect":
        int times = 0;
        for (; times < 10; times++) {
          try (AdminClient admin = AdminClient.create(properties(bootstrap, topic))) {
            describe(admin, topic);
          }
        }
        return times + " times";
      default:
        try (AdminClient admin = AdminClient.create(properties(bootstrap, topic))) {
          return administer(admin, question, topic);
        }
    }
  }

  private static String administer(AdminClient admin, String question, String topic) throws Exception {
    switch (question) {
      case "topics":
        return String.join(" ", new TreeSet<>(admin.listTopics().names().get()));
      case "topic":
        return describe(admin, topic) + " partitions";
      case "create":
        admin.createTopics(Set.of(new NewTopic(topic, 2, (short) 1))).all().get();
        return "created";
      case "cluster":
        return admin.describeCluster().clusterId().get() + ", " + admin.describeCluster().nodes().get().size() + " node";
      default:
        throw new IllegalArgumentException(question);
    }
  }

  private static int describe(AdminClient admin, String topic) throws Exception {
    Object said = admin.describeTopics(Set.of(topic));
    Future<?> all;
    try {
      all = (Future<?>) said.getClass().getMethod("allTopicNames").invoke(said);
    } catch (NoSuchMethodException e) { // before 3.1
      all = (Future<?>) said.getClass().getMethod("all").invoke(said);
    }
    return ((TopicDescription) ((Map<?, ?>) all.get()).get(topic)).partitions().size();
  }

  private static int poll(KafkaConsumer<byte[], byte[]> consumer) throws Exception {
    int records = 0;
    for (int i = 0; i < 50 && records == 0; i++) {
      Object found;
      try {
        found = KafkaConsumer.class.getMethod("poll", java.time.Duration.class).invoke(consumer, java.time.Duration.ofMillis(100));
      } catch (NoSuchMethodException e) { // before 2.0
        found = KafkaConsumer.class.getMethod("poll", long.class).invoke(consumer, 100L);
      }
      for (Object record : (Iterable<?>) found) {
        records++;
      }
    }
    return records;
  }

  private static Properties properties(String bootstrap, String topic) {
    Properties p = new Properties();
    p.put("bootstrap.servers", bootstrap);
    p.put("request.timeout.ms", "7000");
    p.put("default.api.timeout.ms", "7000");
    p.put("max.block.ms", "5000");
    p.put("delivery.timeout.ms", "8000");
    p.put("group.id", topic);
    p.put("auto.offset.reset", "earliest");
    p.put("session.timeout.ms", "6000"); // the least that a broker takes
    p.put("heartbeat.interval.ms", "1000");
    p.put("fetch.max.wait.ms", "100");
    return p;
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
