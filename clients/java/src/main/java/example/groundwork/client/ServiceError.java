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
 * Why a call failed, for programs.
 *
 * @param status the HTTP status; 0 if there was no response
 * @param code the error code; {@link ErrorCode#UNKNOWN_DEFAULT_OPEN_API} if there was no response, if a proxy sent it, or
 *     if a newer service sent an unknown code: use {@code status} then
 * @param message a sentence for people
 * @param fields all invalid fields of an {@link ErrorCode#VALIDATION_ERROR}; empty otherwise
 * @param requestId the id of the request in the service's logs; null if the service sent no response
 */
public record ServiceError(
        int status, ErrorCode code, String message, List<FieldProblem> fields, @Nullable String requestId) {
    private static final ObjectMapper JSON = ApiClient.createDefaultObjectMapper();

    /**
     * @param failure the exception of a call: an {@link ApiException} or an {@link
     * UncheckedApiException}
     */
    public static ServiceError of(Throwable failure) {
        // The response may be in a cause: the failure of a refresh, for example, is the cause of
        // the call's failure.
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
