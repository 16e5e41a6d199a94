package saving

import (
	"bytes"
	"context"
	"maps"
)

// Together is what the tried changes save when all are made: two of them may
// count the same bytes, and a feature may be wanted by what another one keeps.
type Together struct {
	Changes int    `json:"changes"` // that could be made in one copy; 0 where nobody tried
	Bytes   int64  `json:"bytes"`
	State   State  `json:"state"`
	Why     string `json:"why"`
}

// Together makes the changes that held in one copy, the largest first, those
// left out that touch lines of one before, and builds once.
func (b *Bench) Together(ctx context.Context, all []Saving, limits Limits, tell func(string)) (t Together, err error) {
	whole := &trial{files: map[string][]byte{}}
	before := map[string][]byte{}
	for i := range all {
		s := &all[i]
		if s.State != Tried || s.trial == nil || len(s.trial.cargo) > 0 && len(whole.cargo) > 0 {
			continue
		}
		merged := maps.Clone(whole.files)
		fits := true
		for name, after := range s.trial.files {
			if before[name] == nil {
				if before[name], err = b.scratch.Read(name); err != nil {
					return t, err
				}
			}
			if merged[name] == nil {
				merged[name] = after
			} else if merged[name] = merge(before[name], merged[name], after); merged[name] == nil {
				fits = false
			}
		}
		if fits {
			whole.files = merged
			whole.cargo = append(whole.cargo, s.trial.cargo...)
			t.Changes++
		}
	}
	if t.Changes < 2 {
		return Together{}, nil
	}
	result, known := b.record.Outcomes[whole.key()]
	if !known {
		if limits.Builds == 0 {
			return Together{}, nil
		}
		tell("all of them together")
		if result, err = b.make(ctx, whole); err != nil {
			return t, err
		}
		b.record.Outcomes[whole.key()] = result
		if err := b.save(); err != nil {
			return t, err
		}
	}
	t.Bytes, t.State, t.Why = result.Saves, result.State, result.Why
	return t, nil
}

// merge makes two changes of one text, nil where they touch the same lines.
func merge(before, one, other []byte) []byte {
	from1, to1 := changed(before, one)
	from2, to2 := changed(before, other)
	if from1 > from2 {
		from1, to1, from2, to2, one, other = from2, to2, from1, to1, other, one
	}
	if to1 >= from2 {
		return nil
	}
	behind1, behind2 := len(before)-to1, len(before)-to2
	out := append([]byte{}, one[:len(one)-behind1]...)
	out = append(out, before[to1:from2]...)
	out = append(out, other[from2:len(other)-behind2]...)
	return append(out, before[to2:]...)
}

// changed is the lines of before that after has otherwise.
func changed(before, after []byte) (from, to int) {
	for from < min(len(before), len(after)) && before[from] == after[from] {
		from++
	}
	same := 0
	for same < min(len(before), len(after))-from && before[len(before)-1-same] == after[len(after)-1-same] {
		same++
	}
	from = bytes.LastIndexByte(before[:from], '\n') + 1
	to = len(before) - same
	if i := bytes.IndexByte(before[to:], '\n'); to > 0 && before[to-1] != '\n' && i >= 0 {
		to += i + 1
	}
	return from, max(from, to)
}
