import io.kroxylicious.proxy.KafkaProxy;
import io.kroxylicious.proxy.config.ConfigParser;
import io.kroxylicious.proxy.config.Configuration;
import io.kroxylicious.proxy.internal.config.Features;
import java.io.InputStream;
import java.nio.file.Files;
import java.nio.file.Path;

/** Launch FILE runs Kroxylicious with the configuration in FILE until it is killed. Its jars have no main class. */
public final class Launch {
  private Launch() {}

  public static void main(String[] args) throws Exception {
    if (args.length != 1) {
      System.err.println("usage: Launch FILE");
      System.exit(2);
    }
    ConfigParser parser = new ConfigParser();
    Configuration configuration;
    try (InputStream file = Files.newInputStream(Path.of(args[0]))) {
      configuration = parser.parseConfiguration(file);
    }
    KafkaProxy proxy = new KafkaProxy(parser, configuration, Features.defaultFeatures());
    try {
      proxy.startup();
      proxy.block();
    } finally {
      proxy.close(); // else its threads outlive a port that is taken
    }
  }
}
