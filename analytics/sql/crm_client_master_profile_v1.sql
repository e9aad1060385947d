-- The master profile under the names of seed 002: RFM of the current run, and what was bought.

create view crm.client_master_profile as
select
    c.code as customer_code,
    s.recency_days as recence_jours,
    s.frequency as nb_commandes,
    s.monetary as ca_ht,
    s.r as r_score,
    s.f as f_score,
    s.m as m_score,
    case when s.customer_id is not null then concat(s.r, s.f, s.m) end as rfm,
    coalesce(g.code, case when run.id is not null then 'prospects' end) as segment,
    p.families #>> '{0,value}' as top_family_1,
    (p.families #>> '{0,share}')::numeric as top_family_1_ca_share,
    p.families #>> '{1,value}' as top_family_2,
    (p.families #>> '{1,share}')::numeric as top_family_2_ca_share,
    p.families #>> '{2,value}' as top_family_3,
    (p.families #>> '{2,share}')::numeric as top_family_3_ca_share,
    p.grapes #>> '{0,value}' as top_grape_1,
    (p.grapes #>> '{0,share}')::numeric as top_grape_1_ca_share,
    p.grapes #>> '{1,value}' as top_grape_2,
    (p.grapes #>> '{1,share}')::numeric as top_grape_2_ca_share,
    p.grapes #>> '{2,value}' as top_grape_3,
    (p.grapes #>> '{2,share}')::numeric as top_grape_3_ca_share,
    p.sugar_levels #>> '{0,value}' as top_sugar_1,
    (p.sugar_levels #>> '{0,share}')::numeric as top_sugar_1_ca_share,
    p.sugar_levels #>> '{1,value}' as top_sugar_2,
    (p.sugar_levels #>> '{1,share}')::numeric as top_sugar_2_ca_share,
    p.sugar_levels #>> '{2,value}' as top_sugar_3,
    (p.sugar_levels #>> '{2,share}')::numeric as top_sugar_3_ca_share,
    p.price_bands #>> '{0,value}' as top_budget_1,
    (p.price_bands #>> '{0,share}')::numeric as top_budget_1_ca_share,
    p.price_bands #>> '{1,value}' as top_budget_2,
    (p.price_bands #>> '{1,share}')::numeric as top_budget_2_ca_share,
    p.price_bands #>> '{2,value}' as top_budget_3,
    (p.price_bands #>> '{2,share}')::numeric as top_budget_3_ca_share,
    a.axes[1] as aroma_axe_1,
    a.scores[1] as aroma_score_1,
    a.axes[2] as aroma_axe_2,
    a.scores[2] as aroma_score_2,
    p.aroma_confidence,
    case
        when p.aroma_confidence < 0.45 then 'low'
        when p.aroma_confidence < 0.7 then 'medium'
        when p.aroma_confidence is not null then 'high'
    end as aroma_level,
    p.orders,
    p.average_order_value,
    p.median_gap_days,
    p.returns_share,
    first.key as first_product_key,
    last.key as last_product_key,
    p.preferred_hour,
    p.preferred_weekday,
    p.preferred_season,
    p.channels,
    p.families,
    p.grapes,
    p.sugar_levels,
    p.price_bands,
    p.products,
    p.aromas,
    run.as_of as rfm_as_of,
    p.as_of as profile_as_of,
    p.refreshed_at
from public.customers_customer as c
left join public.analytics_customerprofile as p on c.id = p.customer_id
left join public.analytics_currentrfmscore as s on c.id = s.customer_id
left join public.analytics_segment as g on s.segment_id = g.id
left join public.analytics_rfmrun as run on run.is_current
left join public.orders_product as first on p.first_product_id = first.id
left join public.orders_product as last on p.last_product_id = last.id
left join lateral (
    select
        array_agg(e.key order by (e.value ->> 'score')::numeric desc, e.key asc) as axes,
        array_agg(
            (e.value ->> 'score')::numeric
            order by (e.value ->> 'score')::numeric desc, e.key asc
        ) as scores
    from jsonb_each(p.aromas) as e
) as a on true
where c.status = 'active' and not c.is_test;

comment on view crm.client_master_profile is
'One row per active customer: RFM of the current run, and taste, rhythm and channels of the '
'stored profile. NULL says that something is not known.';
comment on column crm.client_master_profile.aroma_level is
'How sure the aromas are: low below .45, medium below .7, else high, of aroma_confidence.';
