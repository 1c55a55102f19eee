package example.groundwork.client;

import example.groundwork.client.WebhookException.Problem;
import java.nio.charset.StandardCharsets;
import java.security.GeneralSecurityException;
import java.security.MessageDigest;
import java.time.Duration;
import java.time.Instant;
import java.util.Base64;
import java.util.function.Function;
import java.util.regex.Pattern;
import javax.crypto.Mac;
import javax.crypto.spec.SecretKeySpec;
import org.jspecify.annotations.Nullable;

/** Verifies webhook messages. */
public final class Webhooks {
    private static final String PREFIX = "whsec_";
    private static final int MIN_KEY = 24;
    private static final int MAX_KEY = 64;
    /** How far the time of a message may be from now. */
    private static final Duration TOLERANCE = Duration.ofMinutes(5);

    private static final Pattern TIMESTAMP = Pattern.compile("[0-9]{1,12}");

    private Webhooks() {}

    /**
     * Verifies that a webhook message is authentic and recent.
     *
     * @param secret the secret of the webhook, {@code whsec_…}
     * @param header returns the header with a name, or null, as {@code request::getHeader} does
     * @param body the body exactly as it was received, before any parsing
     * @throws WebhookException if the message must not be processed
     */
    public static void verify(String secret, Function<String, @Nullable String> header, byte[] body)
            throws WebhookException {
        verify(secret, header, body, Instant.now());
    }

    static void verify(String secret, Function<String, @Nullable String> header, byte[] body, Instant now)
            throws WebhookException {
        byte[] key = secret.startsWith(PREFIX) ? decode(secret.substring(PREFIX.length())) : null;
        if (key == null || key.length < MIN_KEY || key.length > MAX_KEY) {
            throw new WebhookException(Problem.SECRET);
        }
        String id = required(header, "webhook-id");
        String timestamp = required(header, "webhook-timestamp");
        String signatures = required(header, "webhook-signature");
        if (!TIMESTAMP.matcher(timestamp).matches()) {
            throw new WebhookException(Problem.HEADER);
        }
        if (Math.abs(now.getEpochSecond() - Long.parseLong(timestamp)) > TOLERANCE.toSeconds()) {
            throw new WebhookException(Problem.TIMESTAMP);
        }
        byte[] expected = sign(key, id + "." + timestamp + ".", body);
        for (String signature : signatures.split(" ")) {
            byte[] found = signature.startsWith("v1,") ? decode(signature.substring(3)) : null;
            // Compares in constant time.
            if (found != null && MessageDigest.isEqual(found, expected)) {
                return;
            }
        }
        throw new WebhookException(Problem.SIGNATURE);
    }

    private static String required(Function<String, @Nullable String> header, String name) throws WebhookException {
        String value = header.apply(name);
        if (value == null || value.isEmpty()) {
            throw new WebhookException(Problem.HEADER);
        }
        return value;
    }

    private static byte[] sign(byte[] key, String prefix, byte[] body) {
        try {
            Mac mac = Mac.getInstance("HmacSHA256");
            mac.init(new SecretKeySpec(key, mac.getAlgorithm()));
            mac.update(prefix.getBytes(StandardCharsets.UTF_8));
            return mac.doFinal(body);
        } catch (GeneralSecurityException impossible) {
            // Every Java platform has HMAC-SHA256, which takes any key.
            throw new IllegalStateException(impossible);
        }
    }

    private static byte @Nullable [] decode(String base64) {
        try {
            return Base64.getDecoder().decode(base64);
        } catch (IllegalArgumentException malformed) {
            return null;
        }
    }
}
