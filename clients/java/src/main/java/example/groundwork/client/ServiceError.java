package example.groundwork.client;

import example.groundwork.client.http.ApiClient;
import example.groundwork.client.http.ApiException;
import example.groundwork.client.model.ErrorBody;
import example.groundwork.client.model.ErrorCode;
import example.groundwork.client.model.ErrorDetails;
import example.groundwork.client.model.FieldProblem;
import java.util.List;
import java.util.Objects;
import java.util.Optional;
import org.jspecify.annotations.Nullable;
import tools.jackson.core.JacksonException;
import tools.jackson.databind.ObjectMapper;

/**
 * Why a call failed, to branch on.
 *
 * @param status the HTTP status; 0 if there was no answer
 * @param code the reason; {@link ErrorCode#UNKNOWN_DEFAULT_OPEN_API} if there was no answer, or one of a proxy or of a
 *     newer service, which are to be treated by their {@code status}
 * @param message a sentence for people
 * @param fields with {@link ErrorCode#VALIDATION_ERROR}, every value that breaks a rule; empty otherwise
 * @param requestId names the request in the service's logs; null if there was no answer of the service
 */
public record ServiceError(
        int status, ErrorCode code, String message, List<FieldProblem> fields, @Nullable String requestId) {
    private static final ObjectMapper JSON = ApiClient.createDefaultObjectMapper();

    /** @param failure what a call threw: an {@link ApiException} or an {@link UncheckedApiException} */
    public static ServiceError of(Throwable failure) {
        // The answer may be further down: that of a refresh, for example, is the cause of the call's failure.
        for (Throwable cause = failure; cause != null; cause = cause.getCause()) {
            if (cause instanceof ApiException answer && answer.getCode() != 0) {
                return of(answer);
            }
        }
        return of(0, new ErrorBody().message(failure.toString()));
    }

    private static ServiceError of(ApiException answer) {
        return of(answer.getCode(), parse(answer.getResponseBody()).orElseGet(
                () -> new ErrorBody().message("The answer " + answer.getCode() + " is not one of the service.")));
    }

    private static ServiceError of(int status, ErrorBody body) {
        return new ServiceError(
                status,
                Objects.requireNonNullElse(body.getError(), ErrorCode.UNKNOWN_DEFAULT_OPEN_API),
                Objects.requireNonNullElse(body.getMessage(), ""),
                Optional.ofNullable(body.getDetails()).map(ErrorDetails::getFields).orElse(List.of()),
                body.getRequestId());
    }

    private static Optional<ErrorBody> parse(@Nullable String body) {
        try {
            return Optional.ofNullable(JSON.readValue(Objects.requireNonNullElse(body, ""), ErrorBody.class));
        } catch (JacksonException notOurs) {
            return Optional.empty();
        }
    }
}
