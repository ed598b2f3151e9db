import java.util.List;
import java.util.Map;
import java.util.Set;
import javax.security.auth.callback.Callback;
import javax.security.auth.callback.UnsupportedCallbackException;
import javax.security.auth.login.AppConfigurationEntry;
import org.apache.kafka.common.security.auth.AuthenticateCallbackHandler;
import org.apache.kafka.common.security.auth.SaslExtensionsCallback;
import org.apache.kafka.common.security.oauthbearer.OAuthBearerToken;
import org.apache.kafka.common.security.oauthbearer.OAuthBearerTokenCallback;

/** Gives the token that is in sasl.jaas.config. kafka-clients has what this needs since version 2. */
public final class Token implements AuthenticateCallbackHandler {
  private static final long LIFE_MS = 3_600_000;

  private String text;

  @Override
  public void configure(Map<String, ?> configs, String mechanism, List<AppConfigurationEntry> entries) {
    text = (String) entries.get(0).getOptions().get("token");
  }

  @Override
  public void handle(Callback[] callbacks) throws UnsupportedCallbackException {
    for (Callback callback : callbacks) {
      if (callback instanceof OAuthBearerTokenCallback wanted) {
        wanted.token(token(text));
      } else if (!(callback instanceof SaslExtensionsCallback)) {
        throw new UnsupportedCallbackException(callback);
      }
    }
  }

  @Override
  public void close() {}

  private static OAuthBearerToken token(String text) {
    long now = System.currentTimeMillis();
    return new OAuthBearerToken() {
      @Override
      public String value() {
        return text;
      }

      @Override
      public Set<String> scope() {
        return Set.of();
      }

      @Override
      public long lifetimeMs() {
        return now + LIFE_MS;
      }

      @Override
      public String principalName() {
        return "mesh";
      }

      @Override
      public Long startTimeMs() {
        return now;
      }
    };
  }
}
