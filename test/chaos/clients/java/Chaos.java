import java.nio.charset.StandardCharsets;
import java.time.Duration;
import java.util.Collection;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import java.util.Properties;
import java.util.Scanner;
import java.util.concurrent.CountDownLatch;
import java.util.concurrent.TimeUnit;
import java.util.concurrent.atomic.AtomicIntegerArray;
import java.util.zip.CRC32;
import org.apache.kafka.clients.consumer.ConsumerRebalanceListener;
import org.apache.kafka.clients.consumer.ConsumerRecord;
import org.apache.kafka.clients.consumer.ConsumerRecords;
import org.apache.kafka.clients.consumer.KafkaConsumer;
import org.apache.kafka.clients.consumer.OffsetAndMetadata;
import org.apache.kafka.clients.producer.KafkaProducer;
import org.apache.kafka.clients.producer.ProducerRecord;
import org.apache.kafka.common.KafkaException;
import org.apache.kafka.common.TopicPartition;
import org.apache.kafka.common.serialization.ByteArrayDeserializer;
import org.apache.kafka.common.serialization.ByteArraySerializer;

/** Java's producers, and members of groups, of the chaos tests. What it reads and prints is said in test/chaos/doc.go. */
public final class Chaos {
  private static final int BURST = 5;
  private static final int TICK = 400;
  private static final int MOST_OPEN = 300;
  private static final int SIZE = 500;

  private final String name;
  private final String topic;
  private final int[] sent;
  private final AtomicIntegerArray answered;
  private final int count;
  private final Properties settings = new Properties();
  private final CountDownLatch going = new CountDownLatch(1);
  private final CountDownLatch stopping = new CountDownLatch(1);

  /** Takes the words of a line: start NAME BOOTSTRAP TOPIC PARTITIONS ACKS IDEMPOTENT COUNT. */
  private Chaos(String[] words) {
    name = words[1];
    topic = words[3];
    sent = new int[Integer.parseInt(words[4])];
    answered = new AtomicIntegerArray(sent.length);
    count = Integer.parseInt(words[7]);
    settings.put("bootstrap.servers", words[2]);
    settings.put("acks", words[5]);
    settings.put("enable.idempotence", words[6]);
    settings.put("batch.size", 1);
    settings.put("linger.ms", 0);
    settings.put("request.timeout.ms", 10_000);
    settings.put("delivery.timeout.ms", 40_000);
    settings.put("max.block.ms", 40_000);
  }

  public static void main(String[] args) {
    Map<String, Chaos> producers = new HashMap<>();
    Map<String, Member> members = new HashMap<>();
    for (Scanner lines = new Scanner(System.in); lines.hasNextLine(); ) {
      String[] words = lines.nextLine().split(" ");
      switch (words[0]) {
        case "start" -> {
          Chaos producer = new Chaos(words);
          producers.put(words[1], producer);
          new Thread(producer::run).start();
        }
        case "go" -> producers.get(words[1]).going.countDown();
        case "stop" -> {
          Chaos producer = producers.remove(words[1]);
          producer.going.countDown();
          producer.stopping.countDown();
        }
        case "join" -> {
          Member member = new Member(words);
          members.put(words[1], member);
          new Thread(member::run).start();
        }
        case "leave" -> members.remove(words[1]).leaving.countDown();
        default -> say("X unknown: " + words[0]);
      }
    }
    System.exit(0);
  }

  private void run() {
    try {
      KafkaProducer<byte[], byte[]> producer =
          new KafkaProducer<>(settings, new ByteArraySerializer(), new ByteArraySerializer());
      producer.partitionsFor(topic);
      say("R " + name);
      going.await();
      while (stopping.getCount() > 0 && !done()) {
        for (int partition = 0; partition < sent.length; partition++) {
          burst(producer, partition);
        }
        say("S " + name + " " + java.util.Arrays.stream(sent).sum());
        if (count == 0) {
          stopping.await(TICK, TimeUnit.MILLISECONDS);
        }
      }
      producer.close(Duration.ofSeconds(120));
    } catch (InterruptedException | RuntimeException e) {
      say("X " + name + ": " + e);
    }
    say("F " + name);
  }

  private boolean done() {
    return count > 0 && java.util.Arrays.stream(sent).min().getAsInt() >= count;
  }

  private void burst(KafkaProducer<byte[], byte[]> producer, int partition) {
    int first = sent[partition];
    int room = MOST_OPEN - (first - answered.get(partition));
    int end = first + Math.max(0, Math.min(count > 0 ? count : BURST, room));
    say("D " + name + " " + partition + " " + end);
    for (int number = first; number < end; number++) {
      sent[partition]++;
      String told = name + " " + partition + " " + number + " ";
      producer.send(
          new ProducerRecord<>(topic, partition, null, value(told, number)),
          (metadata, error) -> {
            answered.incrementAndGet(partition);
            if (error == null) {
              say("A " + told + (metadata.hasOffset() ? metadata.offset() : -1));
            } else {
              say("E " + told + error.getClass().getSimpleName());
            }
          });
    }
  }

  private static byte[] value(String start, int number) {
    return (start + String.valueOf((char) ('a' + number % 26)).repeat(SIZE)).getBytes(StandardCharsets.UTF_8);
  }

  private static synchronized void say(String line) {
    System.out.println(line);
    System.out.flush();
  }

  /** A member of a group, which commits what it was given before it asks for more. */
  private static final class Member implements ConsumerRebalanceListener {
    private final String name;
    private final List<String> topics;
    private final Properties settings = new Properties();
    private final Map<TopicPartition, OffsetAndMetadata> offsets = new HashMap<>();
    private final CountDownLatch leaving = new CountDownLatch(1);
    private int commits;

    /** Takes the words of a line: join NAME BOOTSTRAP GROUP TOPICS. */
    Member(String[] words) {
      name = words[1];
      topics = List.of(words[4].split(","));
      settings.put("client.id", name);
      settings.put("bootstrap.servers", words[2]);
      settings.put("group.id", words[3]);
      settings.put("auto.offset.reset", "earliest");
      settings.put("enable.auto.commit", "false");
      settings.put("session.timeout.ms", 10_000);
      settings.put("heartbeat.interval.ms", 1_000);
      settings.put("request.timeout.ms", 10_000);
      settings.put("default.api.timeout.ms", 10_000);
      settings.put("metadata.max.age.ms", 5_000);
    }

    void run() {
      try (KafkaConsumer<byte[], byte[]> consumer =
          new KafkaConsumer<>(settings, new ByteArrayDeserializer(), new ByteArrayDeserializer())) {
        consumer.subscribe(topics, this);
        say("R " + name);
        while (leaving.getCount() > 0) {
          try {
            read(consumer.poll(Duration.ofMillis(200)));
            commit(consumer);
          } catch (KafkaException e) {
            say("V " + name + " " + e.getClass().getSimpleName());
          }
        }
      } catch (RuntimeException e) {
        say("X " + name + ": " + e);
      }
      say("F " + name);
    }

    @Override
    public void onPartitionsAssigned(Collection<TopicPartition> partitions) {
      say("B " + name + " " + partitions.size());
    }

    @Override
    public void onPartitionsRevoked(Collection<TopicPartition> partitions) {
      offsets.keySet().removeAll(partitions);
    }

    private void read(ConsumerRecords<byte[], byte[]> records) {
      for (TopicPartition at : records.partitions()) {
        long next = -1;
        StringBuilder line = new StringBuilder();
        for (ConsumerRecord<byte[], byte[]> record : records.records(at)) {
          if (record.offset() != next) {
            flush(line);
            line.append("G ").append(name).append(' ').append(at.topic()).append(' ').append(at.partition());
            line.append(' ').append(record.offset());
          }
          CRC32 sum = new CRC32();
          sum.update(record.value());
          line.append(' ').append(sum.getValue());
          next = record.offset() + 1;
        }
        flush(line);
        offsets.put(at, new OffsetAndMetadata(next));
      }
    }

    private static void flush(StringBuilder line) {
      if (line.length() > 0) {
        say(line.toString());
        line.setLength(0);
      }
    }

    private void commit(KafkaConsumer<byte[], byte[]> consumer) {
      if (offsets.isEmpty()) {
        return;
      }
      commits++;
      offsets.replaceAll((at, to) -> new OffsetAndMetadata(to.offset(), name + " " + commits));
      consumer.commitSync(offsets);
      offsets.forEach((at, to) -> say("C " + name + " " + at.topic() + " " + at.partition() + " " + to.offset()));
      offsets.clear();
    }
  }
}
