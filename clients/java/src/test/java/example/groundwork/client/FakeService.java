package example.groundwork.client;

import static java.nio.charset.StandardCharsets.UTF_8;

import com.sun.net.httpserver.HttpExchange;
import com.sun.net.httpserver.HttpServer;
import java.io.IOException;
import java.net.InetAddress;
import java.net.InetSocketAddress;
import java.util.List;
import java.util.Map;
import java.util.concurrent.CopyOnWriteArrayList;
import java.util.concurrent.ExecutorService;
import java.util.concurrent.Executors;
import java.util.function.Function;
import org.jspecify.annotations.Nullable;

/** A service whose responses the test determines. It records the requests. */
final class FakeService implements AutoCloseable {
    static final String USER = """
            {"id": 1, "email": "ada@example.com", "full_name": "Ada Łovelace", "is_active": true, "is_superuser": false, "role": "user",
             "is_verified": false, "created_at": "2026-01-31T09:30:00Z", "updated_at": "2026-01-31T09:30:00Z"}""";

    record Request(String method, String path, @Nullable String query, @Nullable String authorization, String body) {}

    record Answer(int status, Map<String, String> headers, String body) {
        Answer(int status, String body) {
            this(status, Map.of(), body);
        }
    }

    private final HttpServer server;
    private final ExecutorService threads = Executors.newCachedThreadPool();
    private final List<Request> requests = new CopyOnWriteArrayList<>();
    private final Function<Request, @Nullable Answer> answers;

    /** @param answers null closes the connection without a response */
    FakeService(Function<Request, @Nullable Answer> answers) throws IOException {
        this.answers = answers;
        server = HttpServer.create(new InetSocketAddress(InetAddress.getLoopbackAddress(), 0), 0);
        server.setExecutor(threads);
        server.createContext("/", this::handle);
        server.start();
    }

    String url() {
        return "http://localhost:" + server.getAddress().getPort();
    }

    List<Request> requests() {
        return requests;
    }

    List<Request> requests(String path) {
        return requests.stream().filter(request -> request.path().equals(path)).toList();
    }

    @Override
    public void close() {
        server.stop(0);
        threads.shutdownNow();
    }

    /** An error of the service. */
    static Answer error(int status, String code) {
        Map<String, String> headers =
                status == 401 ? Map.of("WWW-Authenticate", "Bearer error=\"" + code + "\"") : Map.of();
        return new Answer(status, headers, """
                {"success": false, "error": "%s", "message": "No.", "request_id": "r1"}""".formatted(code));
    }

    static String tokens(String access, String refresh) {
        return """
                {"access_token": "%s", "refresh_token": "%s", "token_type": "bearer", "expires_in": 1800}"""
                .formatted(access, refresh);
    }

    private void handle(HttpExchange exchange) throws IOException {
        try (exchange) {
            Request request = new Request(
                    exchange.getRequestMethod(),
                    exchange.getRequestURI().getPath(),
                    exchange.getRequestURI().getQuery(),
                    exchange.getRequestHeaders().getFirst("Authorization"),
                    new String(exchange.getRequestBody().readAllBytes(), UTF_8));
            requests.add(request);
            Answer answer = answers.apply(request);
            if (answer == null) {
                return;
            }
            byte[] body = answer.body().getBytes(UTF_8);
            exchange.getResponseHeaders().set("Content-Type", "application/json");
            answer.headers().forEach(exchange.getResponseHeaders()::set);
            exchange.sendResponseHeaders(answer.status(), body.length == 0 ? -1 : body.length);
            exchange.getResponseBody().write(body);
        }
    }
}
