package livedrops;

import java.io.ByteArrayInputStream;
import java.io.IOException;
import java.io.InputStream;
import java.nio.charset.StandardCharsets;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import org.apache.lucene.analysis.miscellaneous.WordDelimiterFilterFactory;
import org.apache.lucene.analysis.miscellaneous.WordDelimiterGraphFilterFactory;
import org.apache.lucene.util.ResourceLoader;
import org.elasticsearch.common.settings.Settings;
import org.elasticsearch.env.Environment;
import org.elasticsearch.index.IndexSettings;
import org.elasticsearch.index.analysis.Analysis;
import org.elasticsearch.index.analysis.TokenFilterFactory;

/** Filters "word_delimiter" and "word_delimiter_graph": Lucene's own factories, told Elasticsearch's names of their settings. */
final class WordDelimiters {
    /** Switches by Elasticsearch's name: Lucene's name, and what holds where nothing is said. */
    private static final Map<String, Map.Entry<String, Boolean>> SWITCHES = Map.of(
        "generate_word_parts", Map.entry("generateWordParts", true),
        "generate_number_parts", Map.entry("generateNumberParts", true),
        "catenate_words", Map.entry("catenateWords", false),
        "catenate_numbers", Map.entry("catenateNumbers", false),
        "catenate_all", Map.entry("catenateAll", false),
        "split_on_case_change", Map.entry("splitOnCaseChange", true),
        "split_on_numerics", Map.entry("splitOnNumerics", true),
        "preserve_original", Map.entry("preserveOriginal", false),
        "stem_english_possessive", Map.entry("stemEnglishPossessive", true)
    );

    private WordDelimiters() {}

    static TokenFilterFactory flat(IndexSettings index, Environment environment, String name, Settings settings) throws IOException {
        WordListLoader lists = new WordListLoader(environment, settings);
        WordDelimiterFilterFactory factory = new WordDelimiterFilterFactory(arguments(settings, lists));
        factory.inform(lists);
        return new Filter.Splitting(name, factory::create);
    }

    static TokenFilterFactory graph(IndexSettings index, Environment environment, String name, Settings settings) throws IOException {
        WordListLoader lists = new WordListLoader(environment, settings);
        Map<String, String> arguments = arguments(settings, lists);
        arguments.put("adjustOffsets", settings.getAsBoolean("adjust_offsets", true).toString());
        arguments.put("ignoreKeywords", flag(settings.getAsBoolean("ignore_keywords", false)));
        WordDelimiterGraphFilterFactory factory = new WordDelimiterGraphFilterFactory(arguments);
        factory.inform(lists);
        return new Filter.Splitting(name, factory::create);
    }

    private static Map<String, String> arguments(Settings settings, WordListLoader lists) {
        Map<String, String> arguments = new HashMap<>();
        SWITCHES.forEach((name, lucene) -> arguments.put(lucene.getKey(), flag(settings.getAsBoolean(name, lucene.getValue()))));
        if (lists.has("protected_words")) {
            arguments.put("protected", "protected_words");
        }
        if (lists.has("type_table")) {
            arguments.put("types", "type_table");
        }
        return arguments;
    }

    private static String flag(boolean on) {
        return on ? "1" : "0";
    }

    /** Gives Lucene's factories the lists of a filter's settings in place of files. */
    private record WordListLoader(Environment environment, Settings settings) implements ResourceLoader {
        boolean has(String setting) {
            return lines(setting) != null;
        }

        private List<String> lines(String setting) {
            return Analysis.getWordList(environment, settings, setting);
        }

        @Override
        public InputStream openResource(String setting) {
            return new ByteArrayInputStream(String.join("\n", lines(setting)).getBytes(StandardCharsets.UTF_8));
        }

        @Override
        public <T> Class<? extends T> findClass(String name, Class<T> type) {
            throw new UnsupportedOperationException("These factories load no classes");
        }
    }
}
