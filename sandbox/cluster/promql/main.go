// Command promql says which alerts Prometheus would fire: it checks rules as Prometheus loads them, and evaluates them with Prometheus' own engine.
//
// It reads from standard input {"rules": a file of rules, "stepSeconds", "scenarios": [{"endSeconds", "series": [{"labels", "values": [[seconds, value], …]}]}]}
// and writes, for each scenario, the alerts that fired at any time: [[{"alert", "labels"}, …], …].
package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"time"

	"github.com/prometheus/common/model"
	"github.com/prometheus/prometheus/model/histogram"
	"github.com/prometheus/prometheus/model/labels"
	"github.com/prometheus/prometheus/model/rulefmt"
	"github.com/prometheus/prometheus/promql"
	"github.com/prometheus/prometheus/storage"
	"github.com/prometheus/prometheus/tsdb/chunkenc"
	"github.com/prometheus/prometheus/tsdb/chunks"
	"github.com/prometheus/prometheus/util/annotations"
)

type question struct {
	Rules       string     `json:"rules"`
	StepSeconds int        `json:"stepSeconds"`
	Scenarios   []scenario `json:"scenarios"`
}

type scenario struct {
	EndSeconds int64    `json:"endSeconds"`
	Series     []series `json:"series"`
}

type series struct {
	Labels map[string]string `json:"labels"`
	Values [][2]float64      `json:"values"`
}

type fired struct {
	Alert  string            `json:"alert"`
	Labels map[string]string `json:"labels"`
}

func main() {
	var asked question
	if err := json.NewDecoder(os.Stdin).Decode(&asked); err != nil {
		fail(err)
	}
	groups, problems := rulefmt.Parse([]byte(asked.Rules), false, model.UTF8Validation)
	if len(problems) > 0 {
		fail(errors.Join(problems...))
	}
	engine := promql.NewEngine(promql.EngineOpts{MaxSamples: 50_000_000, Timeout: time.Minute})
	step := time.Duration(asked.StepSeconds) * time.Second
	answer := make([][]fired, 0, len(asked.Scenarios))
	for _, one := range asked.Scenarios {
		answer = append(answer, evaluate(engine, groups, one, step))
	}
	if err := json.NewEncoder(os.Stdout).Encode(answer); err != nil {
		fail(err)
	}
}

func evaluate(engine *promql.Engine, groups *rulefmt.RuleGroups, one scenario, step time.Duration) []fired {
	all := make([]fired, 0)
	for _, group := range groups.Groups {
		for _, rule := range group.Rules {
			matrix := query(engine, one, rule.Expr, step)
			for _, result := range matrix {
				if isFiring(result.Floats, time.Duration(rule.For), step) {
					all = append(all, fired{rule.Alert, result.Metric.Map()})
				}
			}
		}
	}
	return all
}

func query(engine *promql.Engine, one scenario, expression string, step time.Duration) promql.Matrix {
	ctx := context.Background()
	end := time.Unix(one.EndSeconds, 0)
	asked, err := engine.NewRangeQuery(ctx, one, nil, expression, time.Unix(0, 0), end, step)
	if err != nil {
		fail(err)
	}
	defer asked.Close()
	matrix, err := asked.Exec(ctx).Matrix()
	if err != nil {
		fail(fmt.Errorf("%s: %w", expression, err))
	}
	result := make(promql.Matrix, len(matrix))
	for i, row := range matrix {
		result[i] = promql.Series{Metric: row.Metric, Floats: append([]promql.FPoint(nil), row.Floats...)}
	}
	return result
}

// isFiring says whether there is something at each step of a time as long as the alert waits.
func isFiring(points []promql.FPoint, wait, step time.Duration) bool {
	var since, last int64
	for i, point := range points {
		if i == 0 || point.T-last > step.Milliseconds() {
			since = point.T
		}
		last = point.T
		if last-since >= wait.Milliseconds() {
			return true
		}
	}
	return false
}

// A scenario is what a query asks.

func (s scenario) Querier(_, _ int64) (storage.Querier, error) { return s, nil }

func (s scenario) Select(_ context.Context, _ bool, _ *storage.SelectHints, matchers ...*labels.Matcher) storage.SeriesSet {
	found := &seriesSet{at: -1}
	for _, one := range s.Series {
		if matches(one.Labels, matchers) {
			found.series = append(found.series, storage.NewListSeries(labels.FromMap(one.Labels), samplesOf(one.Values)))
		}
	}
	return found
}

func (s scenario) LabelValues(context.Context, string, *storage.LabelHints, ...*labels.Matcher) ([]string, annotations.Annotations, error) {
	return nil, nil, nil
}

func (s scenario) LabelNames(context.Context, *storage.LabelHints, ...*labels.Matcher) ([]string, annotations.Annotations, error) {
	return nil, nil, nil
}

func (s scenario) Close() error { return nil }

func matches(given map[string]string, matchers []*labels.Matcher) bool {
	for _, matcher := range matchers {
		if !matcher.Matches(given[matcher.Name]) {
			return false
		}
	}
	return true
}

type seriesSet struct {
	series []storage.Series
	at     int
}

func (s *seriesSet) Next() bool                        { s.at++; return s.at < len(s.series) }
func (s *seriesSet) At() storage.Series                { return s.series[s.at] }
func (s *seriesSet) Err() error                        { return nil }
func (s *seriesSet) Warnings() annotations.Annotations { return nil }

type sample struct {
	millis int64
	value  float64
}

func (s sample) T() int64                      { return s.millis }
func (s sample) F() float64                    { return s.value }
func (s sample) H() *histogram.Histogram       { return nil }
func (s sample) FH() *histogram.FloatHistogram { return nil }
func (s sample) Type() chunkenc.ValueType      { return chunkenc.ValFloat }
func (s sample) Copy() chunks.Sample           { return s }

func samplesOf(values [][2]float64) []chunks.Sample {
	samples := make([]chunks.Sample, 0, len(values))
	for _, value := range values {
		samples = append(samples, sample{int64(value[0] * 1000), value[1]})
	}
	return samples
}

func fail(err error) {
	fmt.Fprintln(os.Stderr, err)
	os.Exit(1)
}
