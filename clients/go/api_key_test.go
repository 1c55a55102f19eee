package groundwork

import (
	"fmt"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"

	"github.com/oapi-codegen/nullable"
)

func TestAnAPIKeyIsSentAsItIsAndNeverRefreshed(t *testing.T) {
	var seen []string
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		seen = append(seen, r.Method+" "+r.URL.Path+" "+r.Header.Get("Authorization"))
		if r.Method == http.MethodGet {
			writeError(w, http.StatusUnauthorized, ErrorCodeInvalidToken)
			return
		}
		writeError(w, http.StatusForbidden, ErrorCodeInsufficientScope)
	}))
	t.Cleanup(server.Close)
	api, err := Service{URL: server.URL}.APIWithKey("gwk_secret")
	if err != nil {
		t.Fatal(err)
	}
	if _, err := api.Users.Me(t.Context()); CodeOf(err) != ErrorCodeInvalidToken {
		t.Errorf("a deleted key: %v", err)
	}
	name := ProfileUpdate{FullName: nullable.NewNullableWithValue("Ada")}
	if _, err := api.Users.MeUpdate(t.Context(), name); CodeOf(err) != ErrorCodeInsufficientScope {
		t.Errorf("a scope that is missing: %v", err)
	}
	want := []string{"GET /api/v1/users/me Bearer gwk_secret", "PATCH /api/v1/users/me Bearer gwk_secret"}
	if fmt.Sprint(seen) != fmt.Sprint(want) {
		t.Errorf("sent %v", seen)
	}
	if printed := fmt.Sprintf("%v %+v %#v", api, api.Users, api); strings.Contains(printed, "secret") {
		t.Errorf("the key is printed: %s", printed)
	}
}

func TestNoSecretIsPrinted(t *testing.T) {
	password := "correct horse battery staple"
	for _, value := range []any{
		APIKeyWithSecret{Key: "gwk_secret"},
		WebhookWithSecret{Secret: "gwk_secret"},
		&TokenPair{AccessToken: "gwk_secret", RefreshToken: "gwk_secret"},
		UserUpdate{Password: &password},
		[]LoginRequest{{Password: password}},
	} {
		for _, format := range []string{"%v", "%+v", "%#v", "%s", "%q"} {
			printed := fmt.Sprintf(format, value)
			if strings.Contains(printed, "gwk_secret") || strings.Contains(printed, password) {
				t.Errorf("%s: %s", format, printed)
			}
		}
	}
}
