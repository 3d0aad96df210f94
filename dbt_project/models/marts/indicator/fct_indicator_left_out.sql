select
    figure.indicator_code,
    figure.period_code,
    figure.standard_code,
    case
        when figure.commune_code is not null then 'commune'
        when figure.district_code is not null then 'district'
        else 'province'
    end as admin_unit_level,
    coalesce(figure.commune_code, figure.district_code, figure.province_code) as admin_unit_code,
    figure.breakdown_kind_code,
    figure.breakdown_code,
    figure.province_code,
    case when coverage.rests_on_every_dataset is false then 'missing_report' else 'unknown' end as reason_code
from {{ ref('ind_by_commune') }} as figure
left join {{ ref('ind_coverage') }} as coverage
    on
        figure.indicator_code = coverage.indicator_code
        and figure.period_code = coverage.period_code
        and figure.standard_code = coverage.standard_code
        and figure.support_code = coverage.support_code
        and coverage.scope_level = 'unit'
        and figure.reporting_unit_code = coverage.scope_code
where
    (figure.numerator is null or not coverage.rests_on_every_dataset)
    and figure.province_code is not null
