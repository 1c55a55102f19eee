{% set who = "User" if owned else "Superuser" %}    operation("{{ plural }}_list", "GET", "/api/v1/{{ path }}", Caller::{{ who }}, 200, None).scope("{{ plural }}:read"),
    operation("{{ plural }}_create", "POST", "/api/v1/{{ path }}", Caller::{{ who }}, 201, Some(new_{{ singular }})).scope("{{ plural }}:write")
        .unaudited("content: no account, right or secret changes"),
    operation("{{ plural }}_get", "GET", "/api/v1/{{ path }}/{id}", Caller::{{ who }}, 200, None).on({{ singular_screaming }}).scope("{{ plural }}:read"),
    operation("{{ plural }}_update", "PATCH", "/api/v1/{{ path }}/{id}", Caller::{{ who }}, 200, Some(new_{{ singular }})).on({{ singular_screaming }}).scope("{{ plural }}:write")
        .unaudited("content: no account, right or secret changes"),
    operation("{{ plural }}_delete", "DELETE", "/api/v1/{{ path }}/{id}", Caller::{{ who }}, 204, None).on({{ singular_screaming }}).scope("{{ plural }}:write")
        .unaudited("content: no account, right or secret changes"),
