const {{ singular_screaming }}: Fixture = Fixture::Owned { path: "/api/v1/{{ path }}", body: new_{{ singular }} };

fn new_{{ singular }}(_: &TestUser) -> Value {
    json!({{ cases.required | object(4, 11) }})
}

