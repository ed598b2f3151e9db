package load

import "testing"

func TestQuantile(t *testing.T) {
	t.Parallel()
	thousand := make([]int64, 1000) // 1 to 1000 µs
	for i := range thousand {
		thousand[i] = int64(i+1) * 1000
	}
	for _, tt := range []struct {
		name   string
		sorted []int64
		q      float64
		want   float64
	}{
		{"the half", thousand, 0.5, 501},
		{"nine of ten", thousand, 0.9, 901},
		{"all but one of a hundred", thousand, 0.99, 991},
		{"all but one of a thousand", thousand, 0.999, 1000},
		{"the most", thousand, 1, 1000},
		{"of one", thousand[:1], 0.5, 1},
		{"of one, the most", thousand[:1], 1, 1},
		{"more than there are", thousand[:10], 0.999, 10},
	} {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			if got := quantile(tt.sorted, tt.q); got != tt.want {
				t.Errorf("quantile(%v) = %v, want %v", tt.q, got, tt.want)
			}
		})
	}
}
