package notices

import "slices"

// recent is a list of the last things of a sort, the last first, of which there are never more than most. Whoever has it looks after
// its mutex.
type recent[T any] struct {
	most int
	list []*T
}

// touch returns the one that is the same, which is then the first, or a new one in its place. The one behind the most is forgotten.
func (r *recent[T]) touch(same func(*T) bool) *T {
	at := slices.IndexFunc(r.list, same)
	switch {
	case at >= 0:
	case len(r.list) < r.most:
		at = len(r.list)
		r.list = append(r.list, new(T))
	default:
		at = r.most - 1
		r.list[at] = new(T)
	}
	first := r.list[at]
	copy(r.list[1:at+1], r.list[:at])
	r.list[0] = first
	return first
}

// add adds one.
func (r *recent[T]) add(one T) { *r.touch(func(*T) bool { return false }) = one }

// find is the one that is the same; nil: there is none.
func (r *recent[T]) find(same func(*T) bool) *T {
	if at := slices.IndexFunc(r.list, same); at >= 0 {
		return r.list[at]
	}
	return nil
}

// all is a copy of them.
func (r *recent[T]) all() []T {
	all := make([]T, 0, len(r.list))
	for _, one := range r.list {
		all = append(all, *one)
	}
	return all
}
