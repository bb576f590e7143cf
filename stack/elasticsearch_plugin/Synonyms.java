package livedrops;

import java.io.IOException;
import java.io.Reader;
import java.io.StringReader;
import java.text.ParseException;
import java.util.List;
import java.util.function.BiFunction;
import java.util.function.Function;
import java.util.function.UnaryOperator;
import org.apache.lucene.analysis.Analyzer;
import org.apache.lucene.analysis.TokenStream;
import org.apache.lucene.analysis.synonym.SolrSynonymParser;
import org.apache.lucene.analysis.synonym.SynonymMap;
import org.apache.lucene.util.CharsRef;
import org.apache.lucene.util.CharsRefBuilder;
import org.elasticsearch.common.settings.Settings;
import org.elasticsearch.env.Environment;
import org.elasticsearch.index.IndexService.IndexCreationContext;
import org.elasticsearch.index.analysis.Analysis;
import org.elasticsearch.index.analysis.AnalysisMode;
import org.elasticsearch.index.analysis.CharFilterFactory;
import org.elasticsearch.index.analysis.CustomAnalyzer;
import org.elasticsearch.index.analysis.TokenFilterFactory;
import org.elasticsearch.index.analysis.TokenizerFactory;

/** Filters "synonym" and "synonym_graph". Rules are read through whatever stands before the filter in its analyzer. */
final class Synonyms implements TokenFilterFactory {
    private final String name;
    private final String rules;
    private final boolean expand;
    private final boolean lenient;
    private final AnalysisMode mode;
    private final BiFunction<TokenStream, SynonymMap, TokenStream> wrap;

    /** wrap: makes the Lucene filter of tokens and synonyms. */
    Synonyms(String name, Environment environment, Settings settings, BiFunction<TokenStream, SynonymMap, TokenStream> wrap) {
        List<String> lines = Analysis.getWordList(environment, settings, "synonyms");
        if (lines == null) {
            throw new IllegalArgumentException("synonym requires either `synonyms` or `synonyms_path` to be configured");
        }
        boolean updateable = settings.getAsBoolean("updateable", false);
        this.name = name;
        this.rules = String.join("\n", lines);
        this.expand = settings.getAsBoolean("expand", true);
        this.lenient = settings.getAsBoolean("lenient", updateable);
        this.mode = updateable ? AnalysisMode.SEARCH_TIME : AnalysisMode.ALL;
        this.wrap = wrap;
    }

    @Override
    public String name() {
        return name;
    }

    @Override
    public AnalysisMode getAnalysisMode() {
        return mode;
    }

    @Override
    public TokenStream create(TokenStream tokens) {
        throw new IllegalStateException("Synonyms are read for an analyzer before they are used");
    }

    @Override
    public TokenFilterFactory getChainAwareTokenFilterFactory(
        IndexCreationContext context,
        TokenizerFactory tokenizer,
        List<CharFilterFactory> charFilters,
        List<TokenFilterFactory> before,
        Function<String, TokenFilterFactory> all
    ) {
        TokenFilterFactory[] readable = before.stream().map(TokenFilterFactory::getSynonymFilter).toArray(TokenFilterFactory[]::new);
        SynonymMap map = read(new CustomAnalyzer(tokenizer, charFilters.toArray(new CharFilterFactory[0]), readable));
        return new Read(name, mode, map.fst == null ? tokens -> tokens : tokens -> wrap.apply(tokens, map));
    }

    private SynonymMap read(Analyzer analyzer) {
        try (Reader reader = new StringReader(rules)) {
            Parser parser = new Parser(expand, lenient, analyzer);
            parser.parse(reader);
            return parser.build();
        } catch (IOException | ParseException | RuntimeException error) {
            throw new IllegalArgumentException("failed to build synonyms", error);
        }
    }

    /** With lenient, leaves out what the analyzer makes nothing of. */
    private static final class Parser extends SolrSynonymParser {
        private final boolean lenient;

        Parser(boolean expand, boolean lenient, Analyzer analyzer) {
            super(true, expand, analyzer);
            this.lenient = lenient;
        }

        @Override
        public CharsRef analyze(String text, CharsRefBuilder reuse) throws IOException {
            try {
                return super.analyze(text, reuse);
            } catch (IllegalArgumentException error) {
                if (lenient) {
                    return new CharsRef("");
                }
                throw error;
            }
        }

        @Override
        public void add(CharsRef from, CharsRef to, boolean keepOriginal) {
            if (lenient == false || (from.length > 0 && to.length > 0)) {
                super.add(from, to, keepOriginal);
            }
        }
    }

    /** Synonyms as one analyzer reads them. */
    private static final class Read extends Filter {
        private final AnalysisMode mode;

        Read(String name, AnalysisMode mode, UnaryOperator<TokenStream> wrap) {
            super(name, wrap);
            this.mode = mode;
        }

        @Override
        public AnalysisMode getAnalysisMode() {
            return mode;
        }

        /** Synonyms are not applied to the rules of synonyms further on. */
        @Override
        public TokenFilterFactory getSynonymFilter() {
            return IDENTITY_FILTER;
        }
    }
}
