package groundwork

import (
	"context"
	"iter"
)

// Users iterates over all accounts that match params, page by page: the next page is asked for when it is needed.
// The error is the last element.
func (s *Session) Users(ctx context.Context, params UsersListParams) iter.Seq2[User, error] {
	return func(yield func(User, error) bool) {
		query := params // of this iteration: there may be another
		for {
			page, err := s.usersPage(ctx, &query)
			if err != nil {
				yield(User{}, err)
				return
			}
			for _, user := range page.Items {
				if !yield(user, nil) {
					return
				}
			}
			next, err := page.NextPage.Get()
			if err != nil {
				return // null: this was the last page
			}
			query.PageToken = &next
		}
	}
}

func (s *Session) usersPage(ctx context.Context, params *UsersListParams) (*UserPage, error) {
	answer, err := s.UsersListWithResponse(ctx, params)
	if err != nil {
		return nil, err
	}
	return expect(answer.JSON200)
}
