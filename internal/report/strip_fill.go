package report

import "github.com/minsize/minsize/internal/strip"

// Fill takes what strip did.
func (s *StripFile) Fill(r strip.Report) {
	s.Format, s.Machine, s.Before, s.After = r.Format, r.Machine, r.Before, r.After
	s.Status = Stripped
	if r.Same {
		s.Status = Unchanged
	}
	for _, reason := range strip.Reasons {
		if n := r.Removed[reason]; n != 0 {
			s.Removed = append(s.Removed, StripReason{Reason: string(reason), Bytes: n})
		}
	}
	s.Notes = append(s.Notes, r.Notes...)
}
