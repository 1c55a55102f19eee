package groundwork

import (
	"context"
	"iter"

	"github.com/oapi-codegen/nullable"
)

// nextPage is the token of the page after a page; null on the last one.
type nextPage = nullable.Nullable[string]

// eachItem iterates over all items of a list, beginning with the page of token. list returns the
// items of a page and the token of the page after it. An error is the last element.
func eachItem[Item any](token *string, list func(token *string) ([]Item, nextPage, error)) iter.Seq2[Item, error] {
	return func(yield func(Item, error) bool) {
		token := token // a copy, because the caller may iterate more than once
		for {
			items, page, err := list(token)
			if err != nil {
				var none Item
				yield(none, err)
				return
			}
			for _, item := range items {
				if !yield(item, nil) {
					return
				}
			}
			next, err := page.Get()
			if err != nil {
				return // null on the last page
			}
			token = &next
		}
	}
}

// Users iterates over all users that match params, as [UsersResource.List] does.
func (s *Session) Users(ctx context.Context, params UsersListParams) iter.Seq2[User, error] {
	return s.API().Users.List(ctx, params)
}
