package example.groundwork.client;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

import example.groundwork.client.FakeService.Answer;
import example.groundwork.client.FakeService.Request;
import example.groundwork.client.api.AuthApi;
import example.groundwork.client.api.HealthApi;
import example.groundwork.client.api.UsersApi;
import example.groundwork.client.http.ApiClient;
import example.groundwork.client.http.ApiException;
import example.groundwork.client.model.ProfileUpdate;
import example.groundwork.client.model.RegisterRequest;
import java.net.http.HttpClient;
import java.time.Duration;
import java.time.ZoneOffset;
import java.time.ZonedDateTime;
import java.time.format.DateTimeFormatter;
import java.util.ArrayDeque;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.Queue;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;

@Timeout(30)
class RetryTest {
    private static final Answer HEALTHY = new Answer(200, """
            {"status": "ok", "version": "1.0.0"}""");

    private final Recorder recorder = new Recorder();

    @Test
    void aLimitedRequestIsRepeatedWithItsBodyAfterTheWait() throws Exception {
        try (FakeService service = answering(refusal(429, "1"), new Answer(201, FakeService.USER))) {
            long start = System.nanoTime();
            new AuthApi(client(service)).authRegister(new RegisterRequest().email("ada@example.com"));

            assertTrue(System.nanoTime() - start >= Duration.ofSeconds(1).toNanos());
            assertEquals(List.of("POST /api/v1/auth/register 429 after 1 s"), recorder.events);
            String body = "{\"email\":\"ada@example.com\",\"password\":null}";
            assertEquals(List.of(body, body), service.requests().stream().map(Request::body).toList());
        }
    }

    @Test
    void anUnavailableServiceIsAskedAgainByAnIdempotentMethod() throws Exception {
        try (FakeService service = answering(refusal(503, "0"), HEALTHY)) {
            assertEquals("1.0.0", new HealthApi(client(service)).healthShow().getVersion());
        }
    }

    @Test
    void anUnavailableServiceIsNotAskedAgainByAnotherMethod() throws Exception {
        try (FakeService service = answering(refusal(503, "0"))) {
            UsersApi users = new UsersApi(client(service));
            ApiException failure =
                    assertThrows(ApiException.class, () -> users.usersMeUpdate(new ProfileUpdate()));
            assertEquals(503, failure.getCode());
            assertEquals(1, service.requests().size());
        }
    }

    @Test
    void theFourthRefusalIsTheAnswer() throws Exception {
        Answer refusal = refusal(429, "0");
        try (FakeService service = answering(refusal, refusal, refusal, refusal)) {
            HealthApi health = new HealthApi(client(service));
            assertEquals(429, assertThrows(ApiException.class, health::healthShow).getCode());
            assertEquals(4, service.requests().size());
            assertEquals(3, recorder.events.size());
        }
    }

    @Test
    void aWaitOfMoreThanAMinuteIsNotWaitedFor() throws Exception {
        try (FakeService service = answering(refusal(429, "61"))) {
            HealthApi health = new HealthApi(client(service));
            assertEquals(429, assertThrows(ApiException.class, health::healthShow).getCode());
            assertEquals(List.of(), recorder.events);
        }
    }

    @Test
    void retryAfterIsSecondsOrADate() {
        ZonedDateTime inAnHour = ZonedDateTime.now(ZoneOffset.UTC).plusHours(1);
        String date = DateTimeFormatter.RFC_1123_DATE_TIME.format(inAnHour);
        Duration wait = RetryingHttpClient.parseRetryAfter(date).orElseThrow();
        // However long this thread is delayed between the two readings of the clock.
        assertTrue(wait.toMinutes() >= 30 && wait.compareTo(Duration.ofHours(1)) <= 0, date + " is in " + wait);
        assertEquals(Optional.of(Duration.ofSeconds(7)), RetryingHttpClient.parseRetryAfter("7"));
        assertEquals(
                Optional.of(Duration.ZERO), RetryingHttpClient.parseRetryAfter("Sun, 06 Nov 1994 08:49:37 GMT"));
        assertEquals(Optional.empty(), RetryingHttpClient.parseRetryAfter("-1"));
        assertEquals(Optional.empty(), RetryingHttpClient.parseRetryAfter("soon"));
    }

    private static Answer refusal(int status, String retryAfter) {
        return new Answer(status, Map.of("Retry-After", retryAfter), FakeService.error(status, "refused").body());
    }

    private static FakeService answering(Answer... answers) throws Exception {
        Queue<Answer> queue = new ArrayDeque<>(List.of(answers));
        return new FakeService(request -> queue.remove());
    }

    private ApiClient client(FakeService service) {
        return new Groundwork(service.url(), HttpClient.newHttpClient(), recorder).anonymous();
    }
}
