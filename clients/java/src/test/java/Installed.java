import example.groundwork.client.Groundwork;
import example.groundwork.client.Session;
import example.groundwork.client.http.ApiException;

/** A program in a project that has installed the package. */
public final class Installed {
    private Installed() {}

    public static void main(String[] arguments) throws ApiException {
        Groundwork service = new Groundwork(System.getenv("GROUNDWORK_URL"));
        System.out.println(service.health().live().getStatus());
        Session session = service.login("ada@example.com", "correct horse battery staple");
        System.out.println(session.users().me().getEmail());
    }
}
