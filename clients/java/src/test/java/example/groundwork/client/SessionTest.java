package example.groundwork.client;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

import example.groundwork.client.FakeService.Answer;
import example.groundwork.client.FakeService.Request;
import example.groundwork.client.api.UsersApi;
import example.groundwork.client.http.ApiException;
import example.groundwork.client.model.ErrorCode;
import example.groundwork.client.model.ProfileUpdate;
import example.groundwork.client.model.TokenPair;
import example.groundwork.client.model.User;
import java.net.http.HttpClient;
import java.util.Collections;
import java.util.List;
import java.util.concurrent.Callable;
import java.util.concurrent.CountDownLatch;
import java.util.concurrent.ExecutorService;
import java.util.concurrent.Executors;
import java.util.concurrent.Future;
import java.util.concurrent.TimeUnit;
import java.util.concurrent.atomic.AtomicBoolean;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;

@Timeout(30)
class SessionTest {
    private static final String LOGIN = "/api/v1/auth/login";
    private static final String LOGOUT = "/api/v1/auth/logout";
    private static final String REFRESH = "/api/v1/auth/refresh";
    private static final String ME = "/api/v1/users/me";

    private final Recorder recorder = new Recorder();

    @Test
    void parallelCallsExchangeTheRefreshTokenOnce() throws Exception {
        int parallel = 8;
        CountDownLatch allRefused = new CountDownLatch(parallel);
        try (FakeService service = new FakeService(request -> {
            if (request.path().equals(ME) && "Bearer old".equals(request.authorization())) {
                allRefused.countDown();
                await(allRefused);
            }
            return renewing(request);
        })) {
            UsersApi users = new UsersApi(session(service).apiClient());
            Callable<User> me = users::usersMe;
            ExecutorService threads = Executors.newFixedThreadPool(parallel);
            for (Future<User> answer : threads.invokeAll(Collections.nCopies(parallel, me))) {
                assertEquals("ada@example.com", answer.get().getEmail());
            }
            threads.shutdown();
            assertEquals(1, service.requests(REFRESH).size());
            assertEquals(2 * parallel, service.requests(ME).size());
            assertEquals(List.of("refreshed"), recorder.events);
        }
    }

    @Test
    void aRepeatedCallHasItsBody() throws Exception {
        try (FakeService service = new FakeService(SessionTest::renewing)) {
            new UsersApi(session(service).apiClient()).usersMeUpdate(new ProfileUpdate().fullName("Ada Łovelace"));
            assertEquals(
                    List.of("{\"full_name\":\"Ada Łovelace\"}", "{\"full_name\":\"Ada Łovelace\"}"),
                    service.requests(ME).stream().map(Request::body).toList());
        }
    }

    @Test
    void aRefusedRefreshEndsTheSession() throws Exception {
        try (FakeService service = new FakeService(request -> FakeService.error(401, "invalid_token"))) {
            Session session = session(service);
            UsersApi users = new UsersApi(session.apiClient());

            ApiException failure = assertThrows(ApiException.class, users::usersMe);
            assertEquals(ErrorCode.INVALID_TOKEN, ServiceError.of(failure).code());
            assertTrue(session.tokens().isEmpty());

            assertThrows(ApiException.class, users::usersMe);
            assertEquals(1, service.requests(REFRESH).size());
            assertEquals(null, service.requests(ME).get(1).authorization());
            assertEquals(List.of(), recorder.events);
        }
    }

    @Test
    void aRefreshWithoutAnAnswerIsTriedAgainByTheNextCall() throws Exception {
        AtomicBoolean lost = new AtomicBoolean();
        try (FakeService service = new FakeService(request ->
                request.path().equals(REFRESH) && lost.compareAndSet(false, true) ? null : renewing(request))) {
            UsersApi users = new UsersApi(session(service).apiClient());

            ApiException failure = assertThrows(ApiException.class, users::usersMe);
            assertEquals(0, ServiceError.of(failure).status());

            assertEquals("ada@example.com", users.usersMe().getEmail());
        }
    }

    @Test
    void aRefreshThatFailsOnTheServiceSaysWhy() throws Exception {
        try (FakeService service = new FakeService(request -> request.path().equals(REFRESH)
                ? FakeService.error(503, "service_unavailable")
                : FakeService.error(401, "invalid_token"))) {
            Session session = session(service);

            ApiException failure = assertThrows(ApiException.class, new UsersApi(session.apiClient())::usersMe);
            assertEquals(ErrorCode.SERVICE_UNAVAILABLE, ServiceError.of(failure).code());
            assertEquals(503, ServiceError.of(failure).status());
            assertTrue(session.tokens().isPresent());
        }
    }

    @Test
    void another401IsNoReasonToRefresh() throws Exception {
        try (FakeService service = new FakeService(request -> FakeService.error(401, "unauthorized"))) {
            assertThrows(ApiException.class, new UsersApi(session(service).apiClient())::usersMe);
            assertEquals(List.of(), service.requests(REFRESH));
        }
    }

    @Test
    void logoutForgetsTheTokensAlsoOfASessionThatIsOver() throws Exception {
        try (FakeService service = new FakeService(request -> request.path().equals(LOGIN)
                ? new Answer(200, FakeService.tokens("new", "r1"))
                : FakeService.error(401, "invalid_token"))) {
            Session session = at(service).login("ada@example.com", "secret");
            session.logout();
            assertTrue(session.tokens().isEmpty());
            assertEquals("Bearer new", service.requests(LOGOUT).get(0).authorization());
        }
    }

    @Test
    void nothingSecretIsShown() throws Exception {
        try (FakeService service = new FakeService(SessionTest::renewing)) {
            Session session = session(service);
            String shown = session + session.tokens().toString();
            assertFalse(shown.contains("old"), shown);
            assertFalse(shown.contains("r0"), shown);
        }
    }

    /**
     * Accepts the access token {@code new}, and issues it once for the refresh token {@code r0}.
     */
    private static Answer renewing(Request request) {
        if (request.path().equals(REFRESH)) {
            return request.body().equals("{\"refresh_token\":\"r0\"}")
                    ? new Answer(200, FakeService.tokens("new", "r1"))
                    : FakeService.error(401, "invalid_token");
        }
        return "Bearer new".equals(request.authorization())
                ? new Answer(200, FakeService.USER)
                : FakeService.error(401, "invalid_token");
    }

    private Session session(FakeService service) {
        return at(service).resume(new TokenPair().accessToken("old").refreshToken("r0"));
    }

    private Groundwork at(FakeService service) {
        return new Groundwork(service.url(), HttpClient.newHttpClient(), recorder);
    }

    private static void await(CountDownLatch latch) {
        try {
            assertTrue(latch.await(10, TimeUnit.SECONDS));
        } catch (InterruptedException stopped) {
            throw new AssertionError(stopped);
        }
    }
}
