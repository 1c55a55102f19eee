package example.groundwork.client;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertThrows;

import example.groundwork.client.FakeService.Request;
import example.groundwork.client.api.UsersApi;
import example.groundwork.client.http.ApiException;
import example.groundwork.client.model.ApiKeyWithSecret;
import example.groundwork.client.model.ErrorCode;
import example.groundwork.client.model.ProfileUpdate;
import example.groundwork.client.model.WebhookWithSecret;
import java.util.List;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;

@Timeout(30)
class ApiKeyTest {
    private static final String ME = "/api/v1/users/me";

    @Test
    void anApiKeyIsSentAsItIsAndNeverRefreshed() throws Exception {
        // What the client sends is refused for its body if there is one.
        try (FakeService service = new FakeService(request -> request.body().isEmpty()
                ? FakeService.error(401, "invalid_token")
                : FakeService.error(403, "insufficient_scope"))) {
            ApiKeyClient client = new Groundwork(service.url()).withApiKey("gwk_secret");
            UsersApi users = new UsersApi(client.apiClient());

            ApiException deleted = assertThrows(ApiException.class, users::usersMe);
            ProfileUpdate name = new ProfileUpdate().fullName("Ada");
            ApiException refused = assertThrows(ApiException.class, () -> users.usersMeUpdate(name));

            assertEquals(ErrorCode.INVALID_TOKEN, ServiceError.of(deleted).code());
            assertEquals(ErrorCode.INSUFFICIENT_SCOPE, ServiceError.of(refused).code());
            assertEquals(
                    List.of("Bearer gwk_secret", "Bearer gwk_secret"),
                    service.requests(ME).stream().map(Request::authorization).toList());
            assertFalse(client.toString().contains("secret"));
        }
    }

    @Test
    void aNewKeyAndANewSecretAreNotShown() {
        String shown = new ApiKeyWithSecret().key("gwk_hidden").toString() + new WebhookWithSecret().secret("whsec_hidden");
        assertFalse(shown.contains("hidden"), shown);
    }
}
