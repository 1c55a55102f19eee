import java.io.BufferedReader;
import java.io.InputStreamReader;
import java.net.URL;
import java.util.Set;

import com.nimbusds.jose.JOSEException;
import com.nimbusds.jose.JWSAlgorithm;
import com.nimbusds.jose.jwk.source.JWKSourceBuilder;
import com.nimbusds.jose.proc.BadJOSEException;
import com.nimbusds.jose.proc.JWSVerificationKeySelector;
import com.nimbusds.jose.proc.SecurityContext;
import com.nimbusds.jwt.JWTClaimsSet;
import com.nimbusds.jwt.proc.DefaultJWTClaimsVerifier;
import com.nimbusds.jwt.proc.DefaultJWTProcessor;

/** Verifies tokens with Nimbus: prints the subject of each line of the input, or {@code refused}. */
public class Verify {
    public static void main(String[] arguments) throws Exception {
        var keys = JWKSourceBuilder.create(new URL(arguments[0])).build();
        var processor = new DefaultJWTProcessor<SecurityContext>();
        processor.setJWSKeySelector(new JWSVerificationKeySelector<>(JWSAlgorithm.parse(arguments[1]), keys));
        var exact = new JWTClaimsSet.Builder().issuer(arguments[2]).build();
        var required = Set.of("exp", "iat", "sub");
        processor.setJWTClaimsSetVerifier(new DefaultJWTClaimsVerifier<>(arguments[3], exact, required));
        var lines = new BufferedReader(new InputStreamReader(System.in));
        for (String token = lines.readLine(); token != null; token = lines.readLine()) {
            System.out.println(subject(processor, token));
        }
    }

    private static String subject(DefaultJWTProcessor<SecurityContext> processor, String token) {
        try {
            var claims = processor.process(token, null);
            return "access".equals(claims.getClaim("type")) ? claims.getSubject() : "refused";
        } catch (java.text.ParseException | BadJOSEException | JOSEException error) {
            return "refused";
        }
    }
}
