package livedrops;

import java.util.List;
import org.elasticsearch.Build;
import org.elasticsearch.client.internal.node.NodeClient;
import org.elasticsearch.cluster.service.ClusterService;
import org.elasticsearch.index.IndexVersion;
import org.elasticsearch.rest.BaseRestHandler;
import org.elasticsearch.rest.RestRequest;
import org.elasticsearch.rest.RestResponse;
import org.elasticsearch.rest.RestStatus;
import org.elasticsearch.xcontent.XContentBuilder;

/** GET / says which server this is: what a client asks first, and a person with curl. */
final class RootHandler extends BaseRestHandler {
    private final ClusterService cluster;

    RootHandler(ClusterService cluster) {
        this.cluster = cluster;
    }

    @Override
    public String getName() {
        return "main_action";
    }

    @Override
    public List<Route> routes() {
        return List.of(new Route(RestRequest.Method.GET, "/"), new Route(RestRequest.Method.HEAD, "/"));
    }

    @Override
    protected RestChannelConsumer prepareRequest(RestRequest request, NodeClient client) {
        return channel -> channel.sendResponse(new RestResponse(RestStatus.OK, describe(channel.newBuilder().prettyPrint())));
    }

    private XContentBuilder describe(XContentBuilder out) throws java.io.IOException {
        Build build = Build.current();
        out.startObject();
        out.field("name", cluster.getNodeName());
        out.field("cluster_name", cluster.getClusterName().value());
        out.field("cluster_uuid", cluster.state().metadata().clusterUUID());
        out.startObject("version");
        out.field("number", build.version());
        out.field("build_flavor", build.flavor());
        out.field("build_type", build.type().displayName());
        out.field("build_hash", build.hash());
        out.field("build_date", build.date());
        out.field("build_snapshot", build.isSnapshot());
        out.field("lucene_version", IndexVersion.current().luceneVersion().toString());
        out.field("minimum_wire_compatibility_version", build.minWireCompatVersion());
        out.field("minimum_index_compatibility_version", build.minIndexCompatVersion());
        out.endObject();
        out.field("tagline", "You Know, for Search");
        return out.endObject();
    }
}
