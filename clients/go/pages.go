package groundwork

import (
	"context"
	"iter"
)

// Users iterates over all users that match params. Each page is requested when it is needed.
// An error is the last element.
func (s *Session) Users(ctx context.Context, params UsersListParams) iter.Seq2[User, error] {
	return func(yield func(User, error) bool) {
		query := params // a copy, because the caller may iterate more than once
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
				return // null on the last page
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
