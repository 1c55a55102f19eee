package example.groundwork.client;

/** A webhook message that must not be processed. */
public final class WebhookException extends Exception {
    private static final long serialVersionUID = 1L;

    /** Why a message is refused. */
    public enum Problem {
        /** The secret is not {@code whsec_} and 24 to 64 bytes in base64. */
        SECRET,
        /** A header is missing or malformed. */
        HEADER,
        /** The message was sent more than five minutes ago, or one of the clocks is wrong. */
        TIMESTAMP,
        /** No signature is that of the secret, or the message was changed. */
        SIGNATURE
    }

    /** Why the message is refused. */
    private final Problem problem;

    WebhookException(Problem problem) {
        super("The webhook message is refused: " + problem);
        this.problem = problem;
    }

    /** Why the message is refused. */
    public Problem problem() {
        return problem;
    }
}
