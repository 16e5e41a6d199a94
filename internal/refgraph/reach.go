package refgraph

// NodeSet is a set of nodes, one bool each.
type NodeSet []bool

// NewSet makes a set over g's nodes.
func (g *Graph) NewSet(members ...int32) NodeSet {
	s := make(NodeSet, len(g.nodes))
	for _, n := range members {
		s[n] = true
	}
	return s
}

// Reach returns what the root reaches when the nodes of without are gone;
// without may be nil.
func (g *Graph) Reach(without NodeSet) NodeSet {
	seen := make(NodeSet, len(g.nodes))
	if len(without) > 0 && without[Root] {
		return seen
	}
	stack := []int32{Root}
	seen[Root] = true
	for len(stack) > 0 {
		n := stack[len(stack)-1]
		stack = stack[:len(stack)-1]
		for _, to := range g.out.of(n) {
			if !seen[to] && (without == nil || !without[to]) {
				seen[to] = true
				stack = append(stack, to)
			}
		}
	}
	return seen
}

// Size sums the sizes and counts the nodes of s.
func (g *Graph) Size(s NodeSet) (bytes uint64, count int) {
	for n, in := range s {
		if in {
			bytes += g.nodes[n].Size
			count++
		}
	}
	return bytes, count
}

// Gone returns what is reachable now and would not be without the nodes of
// set, set's own reachable members included: what deleting all of them saves.
func (g *Graph) Gone(set NodeSet) NodeSet {
	now, then := g.Reach(nil), g.Reach(set)
	for n := range now {
		now[n] = now[n] && !then[n]
	}
	return now
}

// Chain returns one shortest way from the root to the nearest member of
// target, both ends included, and nil when there is none. It never touches
// without, which may be nil. Nodes for which avoid is true are stepped on only
// when nothing else leads there: a step onto one costs as much as a thousand others.
func (g *Graph) Chain(target, without NodeSet, avoid func(n int32) bool) []int32 {
	return g.chainFrom(Root, target, without, avoid)
}

// chainFrom is Chain from another node than the root.
func (g *Graph) chainFrom(start int32, target, without NodeSet, avoid func(n int32) bool) []int32 {
	const far = 1000
	from := make([]int32, len(g.nodes))
	distance := make([]uint32, len(g.nodes))
	for i := range distance {
		distance[i] = ^uint32(0)
	}
	// Two kinds of step lengths: a bucket queue by distance.
	buckets := map[uint32][]int32{0: {start}}
	distance[start] = 0
	from[start] = None
	pending := 1
	for d := uint32(0); pending > 0; d++ {
		queue, some := buckets[d]
		if !some {
			continue
		}
		delete(buckets, d)
		for i := 0; i < len(queue); i++ {
			n := queue[i]
			pending--
			if distance[n] != d {
				continue
			}
			if target[n] {
				var chain []int32
				for ; n != None; n = from[n] {
					chain = append(chain, n)
				}
				for a, b := 0, len(chain)-1; a < b; a, b = a+1, b-1 {
					chain[a], chain[b] = chain[b], chain[a]
				}
				return chain
			}
			for _, to := range g.out.of(n) {
				if without != nil && without[to] {
					continue
				}
				step := uint32(1)
				if avoid != nil && !target[to] && avoid(to) {
					step = far
				}
				if d+step < distance[to] {
					distance[to] = d + step
					from[to] = n
					buckets[d+step] = append(buckets[d+step], to)
					pending++
				}
			}
		}
	}
	return nil
}
