import java.time.Duration;
import java.util.Collection;
import java.util.List;
import java.util.Properties;
import java.util.TreeSet;
import java.util.stream.Collectors;
import org.apache.kafka.clients.consumer.ConsumerRebalanceListener;
import org.apache.kafka.clients.consumer.ConsumerRecord;
import org.apache.kafka.clients.consumer.ConsumerRecords;
import org.apache.kafka.clients.consumer.KafkaConsumer;
import org.apache.kafka.clients.consumer.SubscriptionPattern;
import org.apache.kafka.common.KafkaException;
import org.apache.kafka.common.TopicPartition;
import org.apache.kafka.common.serialization.ByteArrayDeserializer;

/**
 * A member of a group, for the end-to-end tests: Member BOOTSTRAP GROUP TOPIC,TOPIC, where a pattern that
 * begins with ^ may stand for the topics. It commits after each poll, and leaves when its
 * input ends. It prints "READ topic partition offset" for each record, "OWNS topic-partition topic-partition ..." each time that its
 * partitions change, "FAILED reason" and at the end "LEFT". GROUP_PROTOCOL names the protocol.
 */
public final class Member {
  private static volatile boolean leaving;

  private Member() {}

  public static void main(String[] args) {
    Thread input = new Thread(Member::awaitEnd);
    input.setDaemon(true);
    input.start();
    Properties p = new Properties();
    p.put("bootstrap.servers", args[0]);
    p.put("group.id", args[1]);
    p.put("group.protocol", System.getenv("GROUP_PROTOCOL"));
    p.put("auto.offset.reset", "earliest");
    p.put("enable.auto.commit", "false");
    try (KafkaConsumer<byte[], byte[]> consumer =
        new KafkaConsumer<>(p, new ByteArrayDeserializer(), new ByteArrayDeserializer())) {
      if (args[2].startsWith("^")) {
        consumer.subscribe(new SubscriptionPattern(args[2]), new Listener(consumer));
      } else {
        consumer.subscribe(List.of(args[2].split(",")), new Listener(consumer));
      }
      while (!leaving) {
        ConsumerRecords<byte[], byte[]> records = consumer.poll(Duration.ofMillis(200));
        for (ConsumerRecord<byte[], byte[]> record : records) {
          System.out.println("READ " + record.topic() + " " + record.partition() + " " + record.offset());
        }
        if (!records.isEmpty()) {
          commit(consumer);
        }
      }
    }
    System.out.println("LEFT");
  }

  private static void commit(KafkaConsumer<byte[], byte[]> consumer) {
    try {
      consumer.commitSync();
    } catch (KafkaException e) {
      System.out.println("FAILED commit: " + e);
    }
  }

  private static void awaitEnd() {
    try {
      System.in.readAllBytes();
    } catch (java.io.IOException e) {
      System.out.println("FAILED input: " + e);
    }
    leaving = true;
  }

  private record Listener(KafkaConsumer<byte[], byte[]> consumer) implements ConsumerRebalanceListener {
    @Override
    public void onPartitionsAssigned(Collection<TopicPartition> added) {
      say(new TreeSet<>(names(consumer.assignment())));
    }

    @Override
    public void onPartitionsRevoked(Collection<TopicPartition> removed) {
      TreeSet<String> left = new TreeSet<>(names(consumer.assignment()));
      left.removeAll(names(removed));
      say(left);
    }

    private static List<String> names(Collection<TopicPartition> partitions) {
      return partitions.stream().map(TopicPartition::toString).collect(Collectors.toList());
    }

    private static void say(TreeSet<String> owned) {
      System.out.println(("OWNS " + String.join(" ", owned)).trim());
    }
  }
}
