package livedrops;

import java.util.function.UnaryOperator;
import org.apache.lucene.analysis.TokenStream;
import org.elasticsearch.index.analysis.NormalizingTokenFilterFactory;
import org.elasticsearch.index.analysis.TokenFilterFactory;

/** A token filter that is nothing but a Lucene class with its settings. */
class Filter implements TokenFilterFactory {
    private final String name;
    final UnaryOperator<TokenStream> wrap;

    Filter(String name, UnaryOperator<TokenStream> wrap) {
        this.name = name;
        this.wrap = wrap;
    }

    @Override
    public String name() {
        return name;
    }

    @Override
    public TokenStream create(TokenStream tokens) {
        return wrap.apply(tokens);
    }

    /** Makes one token of one token, so that normalizers may use it. */
    static final class Normalizing extends Filter implements NormalizingTokenFilterFactory {
        Normalizing(String name, UnaryOperator<TokenStream> wrap) {
            super(name, wrap);
        }
    }

    /** May make several tokens of one. Normalizers and the reading of synonyms take another form of it, which makes only one. */
    static final class Expanding extends Filter implements NormalizingTokenFilterFactory {
        private final UnaryOperator<TokenStream> single;

        Expanding(String name, UnaryOperator<TokenStream> wrap, UnaryOperator<TokenStream> single) {
            super(name, wrap);
            this.single = single;
        }

        @Override
        public TokenStream normalize(TokenStream tokens) {
            return single.apply(tokens);
        }

        @Override
        public TokenFilterFactory getSynonymFilter() {
            return new Filter(name(), single);
        }
    }

    /** Makes several tokens of one, so that synonyms can't be read through it. */
    static final class Splitting extends Filter {
        Splitting(String name, UnaryOperator<TokenStream> wrap) {
            super(name, wrap);
        }

        @Override
        public boolean breaksFastVectorHighlighter() {
            return true;
        }

        @Override
        public TokenFilterFactory getSynonymFilter() {
            throw new IllegalArgumentException("Token filter [" + name() + "] cannot be used to parse synonyms");
        }
    }
}
