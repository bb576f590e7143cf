package livedrops;

import java.io.Reader;
import java.util.Map;
import java.util.Set;
import java.util.function.UnaryOperator;
import java.util.regex.Pattern;
import org.apache.lucene.analysis.charfilter.HTMLStripCharFilter;
import org.apache.lucene.analysis.charfilter.MappingCharFilter;
import org.apache.lucene.analysis.charfilter.NormalizeCharMap;
import org.apache.lucene.analysis.pattern.PatternReplaceCharFilter;
import org.elasticsearch.common.regex.Regex;
import org.elasticsearch.common.settings.Settings;
import org.elasticsearch.env.Environment;
import org.elasticsearch.index.analysis.AbstractCharFilterFactory;
import org.elasticsearch.index.analysis.Analysis;
import org.elasticsearch.index.analysis.CharFilterFactory;
import org.elasticsearch.index.analysis.NormalizingCharFilterFactory;
import org.elasticsearch.indices.analysis.AnalysisModule.AnalysisProvider;
import org.elasticsearch.plugins.AnalysisPlugin;

/** Char filters by their stock names. */
final class CharFilters {
    private CharFilters() {}

    static Map<String, AnalysisProvider<CharFilterFactory>> all() {
        return Map.of(
            "html_strip",
            (index, environment, name, settings) -> htmlStrip(name, settings),
            "mapping",
            AnalysisPlugin.requiresAnalysisSettings((index, environment, name, settings) -> mapping(name, environment, settings)),
            "pattern_replace",
            AnalysisPlugin.requiresAnalysisSettings((index, environment, name, settings) -> patternReplace(name, settings))
        );
    }

    private static CharFilterFactory htmlStrip(String name, Settings settings) {
        Set<String> kept = Set.copyOf(settings.getAsList("escaped_tags"));
        return new AbstractCharFilterFactory(name) {
            @Override
            public Reader create(Reader reader) {
                return new HTMLStripCharFilter(reader, kept);
            }
        };
    }

    private static CharFilterFactory mapping(String name, Environment environment, Settings settings) {
        var rules = Analysis.getWordList(environment, settings, "mappings");
        if (rules == null) {
            throw new IllegalArgumentException("mapping requires either `mappings` or `mappings_path` to be configured");
        }
        NormalizeCharMap.Builder map = new NormalizeCharMap.Builder();
        for (String rule : rules) {
            String[] sides = Escapes.rule(rule);
            map.add(sides[0], sides[1]);
        }
        NormalizeCharMap built = map.build();
        return new Normalizing(name, reader -> new MappingCharFilter(built, reader));
    }

    private static CharFilterFactory patternReplace(String name, Settings settings) {
        String expression = settings.get("pattern");
        if (expression == null || expression.isEmpty()) {
            throw new IllegalArgumentException("pattern is missing for [" + name + "] char filter of type 'pattern_replace'");
        }
        Pattern pattern = Regex.compile(expression, settings.get("flags"));
        String replacement = settings.get("replacement", "");
        return new Normalizing(name, reader -> new PatternReplaceCharFilter(pattern, replacement, reader));
    }

    /** One that normalizers may use. */
    private static final class Normalizing extends AbstractCharFilterFactory implements NormalizingCharFilterFactory {
        private final UnaryOperator<Reader> wrap;

        Normalizing(String name, UnaryOperator<Reader> wrap) {
            super(name);
            this.wrap = wrap;
        }

        @Override
        public Reader create(Reader reader) {
            return wrap.apply(reader);
        }
    }
}
