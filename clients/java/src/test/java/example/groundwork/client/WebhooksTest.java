package example.groundwork.client;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertThrows;

import example.groundwork.client.WebhookException.Problem;
import java.nio.charset.StandardCharsets;
import java.nio.file.Path;
import java.time.Instant;
import java.util.List;
import java.util.Locale;
import java.util.Map;
import java.util.stream.Stream;
import org.jspecify.annotations.Nullable;
import org.junit.jupiter.api.DynamicTest;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.TestFactory;
import tools.jackson.databind.ObjectMapper;

class WebhooksTest {
    record Case(
            String name, String secret, Map<String, String> headers, String body, long now, @Nullable String error) {
        byte[] bytes() {
            return body.getBytes(StandardCharsets.UTF_8);
        }

        void verify() throws WebhookException {
            Webhooks.verify(secret, headers::get, bytes(), Instant.ofEpochSecond(now));
        }
    }

    record Cases(List<Case> cases) {}

    private static List<Case> cases() {
        return new ObjectMapper().readValue(Path.of("..", "webhooks.json"), Cases.class).cases();
    }

    @TestFactory
    Stream<DynamicTest> aMessageIsAcceptedOnlyIfItIsAuthenticAndRecent() {
        return cases().stream().map(test -> DynamicTest.dynamicTest(test.name(), () -> {
            String error = test.error();
            if (error == null) {
                test.verify();
            } else {
                WebhookException refused = assertThrows(WebhookException.class, test::verify);
                assertEquals(Problem.valueOf(error.toUpperCase(Locale.ROOT)), refused.problem());
            }
        }));
    }

    @Test
    void aMessageOfLongAgoIsRefusedByTheClockOfTheMachine() {
        Case first = cases().get(0);
        WebhookException refused = assertThrows(
                WebhookException.class, () -> Webhooks.verify(first.secret(), first.headers()::get, first.bytes()));
        assertEquals(Problem.TIMESTAMP, refused.problem());
    }
}
