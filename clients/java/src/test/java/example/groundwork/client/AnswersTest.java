package example.groundwork.client;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertThrows;

import example.groundwork.client.FakeService.Answer;
import example.groundwork.client.FakeService.Request;
import example.groundwork.client.api.UsersApi;
import example.groundwork.client.api.UsersApi.APIUsersListRequest;
import example.groundwork.client.http.ApiException;
import example.groundwork.client.model.ErrorCode;
import example.groundwork.client.model.FieldProblem;
import example.groundwork.client.model.ProfileUpdate;
import example.groundwork.client.model.User;
import example.groundwork.client.model.UserPage;
import java.util.Iterator;
import java.util.List;
import java.util.stream.Stream;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;

@Timeout(30)
class AnswersTest {
    @Test
    void anErrorNamesEveryFieldThatIsWrong() throws Exception {
        FieldProblem email = new FieldProblem().field("email").rule("format").message("must contain an @");
        assertEquals(
                new ServiceError(422, ErrorCode.VALIDATION_ERROR, "Wrong.", List.of(email), "r1"),
                errorFrom(new Answer(422, """
                        {"success": false, "error": "validation_error", "message": "Wrong.", "request_id": "r1",
                         "details": {"fields": [
                           {"field": "email", "rule": "format", "message": "must contain an @", "severity": 1}]}}""")));
    }

    @Test
    void aCodeOfANewerServiceIsKnownByItsStatus() throws Exception {
        assertEquals(
                new ServiceError(418, ErrorCode.UNKNOWN_DEFAULT_OPEN_API, "No.", List.of(), "r1"),
                errorFrom(FakeService.error(418, "is_a_teapot")));
    }

    @Test
    void anAnswerOfAProxyIsKnownByItsStatus() throws Exception {
        for (String body : List.of("<h1>Bad gateway</h1>", "", "null", "[]")) {
            ServiceError error = errorFrom(new Answer(502, body));
            assertEquals(502, error.status());
            assertEquals(ErrorCode.UNKNOWN_DEFAULT_OPEN_API, error.code());
        }
    }

    @Test
    void noAnswerHasTheStatusZero() throws Exception {
        ServiceError error = errorFrom(null);
        assertEquals(0, error.status());
        assertEquals(ErrorCode.UNKNOWN_DEFAULT_OPEN_API, error.code());
    }

    @Test
    void nullIsNotAbsent() throws Exception {
        try (FakeService service = new FakeService(request -> new Answer(200, FakeService.USER))) {
            UsersApi users = users(service);
            users.usersMeUpdate(new ProfileUpdate());
            users.usersMeUpdate(new ProfileUpdate().fullName(null));
            assertEquals(
                    List.of("{}", "{\"full_name\":null}"), service.requests().stream().map(Request::body).toList());
        }
    }

    /** The tests run with another default charset. */
    @Test
    void textIsUtf8() throws Exception {
        try (FakeService service = new FakeService(request -> new Answer(200, FakeService.USER))) {
            assertEquals("Ada Łovelace", users(service).usersMe().getFullName());
        }
    }

    @Test
    void aPageIsAskedForWhenTheOneBeforeIsUsedUp() throws Exception {
        try (FakeService service = new FakeService(AnswersTest::page)) {
            Stream<User> all = allUsers(service);
            assertEquals(0, service.requests().size());

            Iterator<User> iterator = all.iterator();
            iterator.next();
            assertEquals(1, service.requests().size());

            iterator.next();
            assertEquals(
                    List.of("email=a&limit=1", "email=a&limit=1&page_token=p2"),
                    service.requests().stream().map(AnswersTest::sortedQuery).toList());
        }
    }

    @Test
    void aPageThatFailsComesOutOfTheStream() throws Exception {
        try (FakeService service = new FakeService(request -> FakeService.error(403, "forbidden"))) {
            UncheckedApiException failure =
                    assertThrows(UncheckedApiException.class, () -> allUsers(service).toList());
            assertEquals(ErrorCode.FORBIDDEN, ServiceError.of(failure).code());
        }
    }

    private static Stream<User> allUsers(FakeService service) {
        UsersApi users = users(service);
        return Pages.stream(
                token -> users.usersList(
                        APIUsersListRequest.newBuilder().limit(1).email("a").pageToken(token).build()),
                UserPage::getItems,
                UserPage::getNextPage);
    }

    private static Answer page(Request request) {
        boolean last = request.query().contains("page_token=p2");
        return new Answer(200, """
                {"items": [%s], "next_page": %s}""".formatted(FakeService.USER, last ? "null" : "\"p2\""));
    }

    private static String sortedQuery(Request request) {
        return String.join("&", Stream.of(request.query().split("&")).sorted().toList());
    }

    private static ServiceError errorFrom(Answer answer) throws Exception {
        try (FakeService service = new FakeService(request -> answer)) {
            return ServiceError.of(assertThrows(ApiException.class, users(service)::usersMe));
        }
    }

    private static UsersApi users(FakeService service) {
        return new UsersApi(new Groundwork(service.url()).anonymous());
    }
}
